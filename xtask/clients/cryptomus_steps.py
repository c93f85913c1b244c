"""Drives the packages `cryptomus` 1.1 (https://pypi.org/project/cryptomus/1.1/) and `heleket` 0.1.0
(https://pypi.org/project/heleket/).

The argument says which of the two, which differ in the host only: `cryptomus` or `heleket`.
"""

import json
import sys
from importlib import import_module

from steps import BAD_TRON_ADDRESS, BASE, BITCOIN_ADDRESS, CRYPTOMUS, HELEKET, RUN, TRON_ADDRESS
from steps import WEBHOOKS
from steps import delivered, equal, refused, step, wait

PROVIDER = sys.argv[1]
KEYS = {"cryptomus": CRYPTOMUS, "heleket": HELEKET}[PROVIDER]
Client = import_module(PROVIDER).Client
Refused = import_module(f"{PROVIDER}.request_exceptions").RequestExceptionsBuilder


def payouts(key=KEYS["payout"], merchant=KEYS["merchant"]):
    client = Client.payout(key, merchant)
    client.request_builder.api_url = BASE + "/"
    return client


def payments(key=KEYS["payment"]):
    client = Client.payment(key, KEYS["merchant"])
    client.requestBuilder.api_url = BASE + "/"
    return client


ORDER = {
    "amount": "15",
    "currency": "USDT",
    "network": "TRON",
    "order_id": f"pypi-{PROVIDER}-{RUN}",
    "address": TRON_ADDRESS,
    "is_subtract": "1",
    "url_callback": WEBHOOKS,
}


def order(suffix, **changes):
    return {**ORDER, "order_id": f"pypi-{PROVIDER}-{RUN}-{suffix}", **changes}


client = payouts()
with step("create"):
    made = client.create(ORDER)
    equal(made["status"], "process", "status")
    equal(made["is_final"], False, "is_final")
    equal(made["amount"], "15", "amount")
    equal(made["currency"], "USDT", "currency")
    equal(made["network"].lower(), "tron", "network")
    equal(made["address"], TRON_ADDRESS, "address")
    equal(made["txid"], None, "txid")
    equal(made["payer_currency"], "USDT", "payer_currency")
    assert float(made["payer_amount"]) == 15, made
    assert float(made["balance"]) > 0, made
with step("create again: the same payout"):
    equal(client.create(ORDER)["uuid"], made["uuid"], "uuid")
    equal(client.create({**ORDER, "amount": "16"})["amount"], "15", "amount")
with step("info by uuid"):
    equal(client.info({"uuid": made["uuid"]})["uuid"], made["uuid"], "uuid")
with step("info by order_id"):
    found = client.info({"order_id": ORDER["order_id"]})
    equal(found["uuid"], made["uuid"], "uuid")
    equal(found["amount"], "15", "amount")
with step("info by both: order_id wins"):
    both = {"uuid": "a7c0caec-a594-4aaa-b1c4-77d511857594", "order_id": ORDER["order_id"]}
    equal(client.info(both)["uuid"], made["uuid"], "uuid")
with step("fee out of the amount"):
    less = client.create(order("less", is_subtract="0"))
    equal(less["amount"], "15", "amount")
    assert 14 < float(less["payer_amount"]) < 15, less
with step("without network where the coin has one"):
    bitcoin = order("btc", currency="BTC", amount="0.001", address=BITCOIN_ADDRESS)
    del bitcoin["network"]
    equal(client.create(bitcoin)["network"].lower(), "btc", "network")
with step("wrong key"), refused(Refused, "Invalid Sign."):
    payouts("wrong").create(order("a"))
with step("payment key for a payout"), refused(Refused, "Invalid Sign."):
    payouts(KEYS["payment"]).create(order("b"))
with step("unknown merchant"), refused(Refused, "Invalid Sign."):
    payouts(merchant="00000000-0000-4000-8000-000000000000").create(order("c"))
with step("unknown currency"), refused(Refused, "The currency was not found"):
    client.create(order("d", currency="NOSUCH"))
with step("network that the coin is not on"), refused(Refused, "The service was not found"):
    client.create(order("e", network="BTC"))
with step("not enough funds"), refused(Refused, "Not enough funds"):
    client.create(order("f", amount="5000000"))
with step("address with a wrong checksum"), refused(Refused):
    client.create(order("g", address=BAD_TRON_ADDRESS))
with step("no amount"), refused(Refused, "The amount field is required."):
    client.create({name: value for name, value in order("h").items() if name != "amount"})
with step("amount that is no number"), refused(Refused, "The amount must be a positive number."):
    client.create(order("i", amount="much"))
with step("neither uuid nor order_id"), refused(Refused, "uuid or order_id"):
    client.info({"page": 1})
with step("a payout that does not exist"), refused(Refused):
    client.info({"order_id": f"pypi-{PROVIDER}-{RUN}-none"})
with step("balance"):
    shown = payments().balance()[0]["balance"]
    usdt = [row for row in shown["merchant"] if row["currency_code"] == "USDT"]
    assert usdt and all(float(row["balance"]) > 0 and row["uuid"] for row in usdt), shown
    equal(type(shown["user"]), list, "type of user")
with step("balance with the payout key"), refused(Refused, "Invalid Sign."):
    payments(KEYS["payout"]).balance()
with step("paid"):
    paid = wait("paid", lambda: (it := client.info({"uuid": made["uuid"]}))["is_final"] and it)
    equal(paid["status"], "paid", "status")
    assert paid["txid"], paid
with step("webhook of what was paid"):
    _, body = delivered(made["uuid"], '"status":"paid"')
    hook = json.loads(body)
    equal((hook["order_id"], hook["txid"]), (ORDER["order_id"], paid["txid"]), "webhook")
