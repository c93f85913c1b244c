"""Drives the package `cryptomus` 1.1 (https://pypi.org/project/cryptomus/1.1/)."""

import os

from cryptomus import Client
from cryptomus.request_exceptions import RequestExceptionsBuilder

MERCHANT = "8b03432e-385b-4670-8d06-064591096795"
client = Client.payout("payout-key-1", MERCHANT)
client.request_builder.api_url = os.environ["BASE"] + "/"

ORDER = {
    "amount": "15",
    "currency": "USDT",
    "network": "TRON",
    "order_id": "pypi-1",
    "address": "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm",
    "is_subtract": "1",
    "url_callback": os.environ["BASE"] + "/sandbox/webhooks",
}
made = client.create(ORDER)
assert made["status"] == "process" and made["is_final"] is False, made
assert client.create(ORDER)["uuid"] == made["uuid"]
assert client.info({"uuid": made["uuid"]})["uuid"] == made["uuid"]
assert client.info({"order_id": "pypi-1"})["amount"] == "15"
try:
    client.create({**ORDER, "order_id": "pypi-2", "amount": "5000000"})
except RequestExceptionsBuilder as error:
    assert "Not enough funds" in str(error.args), error.args
else:
    raise SystemExit("not refused")
balances = Client.payment("payment-key-1", MERCHANT)
balances.requestBuilder.api_url = os.environ["BASE"] + "/"
shown = balances.balance()[0]["balance"]["merchant"]
assert any(row["currency_code"] == "USDT" for row in shown), shown
print(made["uuid"])
