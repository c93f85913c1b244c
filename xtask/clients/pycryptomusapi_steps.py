"""Drives the package `pyCryptomusAPI` 1.2.0 (https://pypi.org/project/pyCryptomusAPI/).

The argument says which of its two clients, which differ in the host only: `cryptomus` or `heleket`.
"""

import sys

from pyCryptomusAPI import pyCryptomusAPI, pyCryptomusAPIException as Refused, pyHeleketAPI
from pyCryptomusAPI.webhooks import WebhookVerificationError

from steps import BAD_TRON_ADDRESS, BASE, CRYPTOMUS, HELEKET, LITECOIN_ADDRESS, RUN, TRON_ADDRESS
from steps import WEBHOOKS
from steps import between, delivered, equal, refused, step, wait

PROVIDER = sys.argv[1]
CLIENT, KEYS = {
    "cryptomus": (pyCryptomusAPI, CRYPTOMUS),
    "heleket": (pyHeleketAPI, HELEKET),
}[PROVIDER]
REFERENCE = f"pyc-{PROVIDER}-{RUN}"


def connect(payment=KEYS["payment"], payout=KEYS["payout"], merchant=KEYS["merchant"]):
    return CLIENT(merchant, payment_api_key=payment, payout_api_key=payout, api_url=BASE)


def create(suffix="", sender=None, **changes):
    order = {
        "amount": "5",
        "currency": "USDT",
        "order_id": REFERENCE + suffix,
        "address": TRON_ADDRESS,
        "is_subtract": True,
        "network": "TRON",
        "url_callback": WEBHOOKS,
    }
    return (sender or client).create_payout(**{**order, **changes})


client = connect()
with step("create"):
    made = create()
    equal((made.status, made.is_final, made.txid), ("process", False, None), "status")
    equal((made.amount, made.payer_amount, made.payer_currency), (5.0, 5.0, "USDT"), "amounts")
    equal(made.address, TRON_ADDRESS, "address")
with step("create again: the same payout"):
    equal(create().uuid, made.uuid, "uuid")
with step("the balance falls by amount and fee"):
    second = create("-second")
    between(5.0, round(made.balance - second.balance, 6), 6.0, "what it fell by")
with step("priority"):
    eth = create("-eth", amount="0.01", currency="ETH", network="ETH", priority="economy",
                 address="0x396343362be2A4dA1cE0C1C210945346fb82Aa49")
    equal((eth.currency, eth.amount), ("ETH", 0.01), "payout")
with step("memo"):
    ton = create("-ton", amount="1", currency="TON", network="TON", memo="order 7",
                 address="UQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPuwA")
    equal(ton.currency, "TON", "currency")
DOLLARS = {
    "amount": "20",
    "currency": "USD",
    "to_currency": "LTC",
    "network": "LTC",
    "address": LITECOIN_ADDRESS,
}
with step("dollars, paid in LTC"):
    own = create("-own", **DOLLARS, course_source=None)
    equal((own.currency, own.amount, own.payer_currency), ("USD", 20.0, "LTC"), "payout")
    between(0.1, own.payer_amount, 1.0, "payer_amount")
with step("dollars, paid in LTC, from USDT"):
    sold = create("-sold", **DOLLARS, from_currency="USDT")
    equal((sold.currency, sold.amount), ("USD", 20.0), "payout")
    equal(sold.payer_amount, own.payer_amount, "payer_amount")
with step("LTC, from USDT"):
    more = create("-more", **{**DOLLARS, "amount": "1", "currency": "LTC"}, from_currency="USDT")
    equal((more.currency, more.amount, more.payer_amount), ("LTC", 1.0, 1.0), "payout")
    between(80.0, round(sold.balance - more.balance, 6), 90.0, "what the balance of USDT fell by")
with step("more than there is of USDT"), refused(Refused, "Not enough balance for convert USDT to LTC"):
    create("-much", **{**DOLLARS, "amount": "500000000"}, from_currency="USDT")
with step("what is not converted to"), refused(Refused, "Not found service to_currency"):
    create("-none", **{**DOLLARS, "to_currency": "NOSUCH"})
with step("info by uuid"):
    equal(client.payout_information(payout_uuid=made.uuid).amount, 5.0, "amount")
with step("info by order_id"):
    equal(client.payout_information(order_id=REFERENCE).uuid, made.uuid, "uuid")

with step("wrong key"), refused(Refused, "Invalid Sign."):
    create("-a", connect(payout="wrong"))
with step("unknown merchant"), refused(Refused, "Invalid Sign."):
    create("-b", connect(merchant="00000000-0000-4000-8000-000000000000"))
with step("unknown currency"), refused(Refused, "The currency was not found"):
    create("-c", currency="NOSUCH")
with step("network that the coin is not on"), refused(Refused, "The service was not found"):
    create("-d", network="BTC")
with step("not enough funds"), refused(Refused, "Not enough funds"):
    create("-e", amount="5000000")
with step("address with a wrong checksum"), refused(Refused):
    create("-f", address=BAD_TRON_ADDRESS)
with step("memo that is too long"), refused(Refused):
    create("-g", currency="TON", network="TON", memo="x" * 31)

with step("payout list"):
    page = client.payout_history()
    items = {item.uuid: item for item in page.items}
    equal(items[made.uuid].amount, 5.0, "amount")
    equal((page.paginate.perPage, page.paginate.count), (15, len(page.items)), "paginate")
with step("payout list: an empty period"):
    page = client.payout_history("2023-05-04 00:00:00", "2023-05-05 00:00:00")
    equal((page.items, page.paginate.count), ([], 0), "page")
with step("payout services"):
    services = client.payout_services()
    tron = next(it for it in services if (it.currency, it.network.lower()) == ("USDT", "tron"))
    equal(tron.is_available, True, "is_available")
    assert 0 <= tron.limit.min_amount < tron.limit.max_amount, tron.limit
    between(0, tron.commission.fee_amount, 5, "fee_amount")

with step("balance"):
    shown = client.balance()
    before = sum(it.balance for it in shown.merchant if it.currency_code == "USDT")
    assert before > 0 and all(it.balance_usd >= 0 for it in shown.merchant), shown
with step("transfer to personal"):
    moved = client.transfer_to_personal("4", "USDT")
    assert float(moved["user_wallet_balance"]) >= 4, moved
    after = sum(it.balance for it in client.balance().merchant if it.currency_code == "USDT")
    equal(round(before - after, 6), 4.0, "what the balance fell by")
with step("transfer to business"):
    back = client.transfer_to_business("4", "USDT")
    fell = float(moved["user_wallet_balance"]) - float(back["user_wallet_balance"])
    equal(round(fell, 6), 4.0, "what the personal balance fell by")

with step("paid"):
    paid = wait("paid", lambda: (it := client.payout_information(made.uuid)).is_final and it)
    equal(paid.status, "paid", "status")
    assert paid.txid, paid
with step("webhook passes the client's verifier"):
    _, body = delivered(made.uuid, '"status":"paid"')
    hook = client.process_payout_webhook(body)
    equal((hook.order_id, hook.status, hook.is_final), (REFERENCE, "paid", True), "webhook")
    equal((hook.amount, hook.txid), (5.0, paid.txid), "webhook")
    assert hook.merchant_amount >= hook.amount, hook
with step("forged webhook does not pass"), refused(WebhookVerificationError, "signature"):
    client.process_payout_webhook(body.replace('"amount":"5.', '"amount":"9.'))
with step("webhook with a reference that is not ASCII"), refused(Refused):
    create(" é")
with step("test webhook"):
    told = {"status": "system_fail", "order_id": REFERENCE}
    equal(client.test_payout_webhook(WEBHOOKS, "USDT", "tron", **told), [])
    _, body = delivered(REFERENCE, '"status":"system_fail"')
    hook = client.process_payout_webhook(body)
    equal((hook.type, hook.status, hook.currency), ("payout", "system_fail", "USDT"), "webhook")
with step("test webhook about no payout"), refused(Refused, "Not found payment"):
    client.test_payout_webhook(WEBHOOKS, "USDT", "tron", order_id=f"none-{RUN[-8:]}")
with step("test webhook to where nothing may be sent"), refused(Refused, "not acknowledged"):
    client.test_payout_webhook("http://10.0.0.1/hook", "USDT", "tron")
with step("payments are not taken"), refused(Refused, "not taken"):
    client.payment_services()
