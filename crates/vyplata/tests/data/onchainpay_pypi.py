"""Drives the package `onchainpay-api` 0.0.8 (https://pypi.org/project/onchainpay-api/).

Its host is fixed in the constructor, which already asks for balances: so a subclass says where.
"""

import os

from onchainpay_api import Client


class Here(Client):
    _base_url = property(lambda self: os.environ["BASE"] + "/api-gateway", lambda self, value: None)


WEBHOOKS = os.environ["BASE"] + "/sandbox/webhooks"
client = Here("pub==", "priv==")
assert client._advancedBalanceId, "the constructor found no balance"
swap = client.auto_swaps.create_swap(
    address="TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm",
    currency="USDT",
    network="tron",
    amountTo="100",
    webhookUrl=WEBHOOKS,
)
assert swap["success"] and swap["response"]["status"] == "PENDING", swap
found = client.auto_swaps.get_swap_by_id(swap["response"]["id"])
assert found["success"] and found["response"]["id"] == swap["response"]["id"], found
made = client.request(
    "post",
    client._base_url,
    "/auto-withdrawals/create",
    payload={
        "address": "1CGuTUAx7icKniPVKGiyiT7QLycpkxULLP",
        "currency": "BTC",
        "network": "bitcoin",
        "amountFrom": "1000",
        "feeInAmount": True,
        "webhookUrl": WEBHOOKS,
    },
)
assert made["success"] and made["response"]["type"] == "WITHDRAWAL", made
print(swap["response"]["id"])
print(made["response"]["id"])
