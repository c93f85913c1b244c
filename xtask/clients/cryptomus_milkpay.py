"""Drives the package `milkpay-cryptomus` 1.3.0 (https://pypi.org/project/milkpay-cryptomus/)."""

import asyncio
from datetime import datetime
from decimal import Decimal

from milkpay.cryptomus.business import Cryptomus
from milkpay.cryptomus.business import exceptions
from milkpay.cryptomus.business.types import PayoutUpdate

from steps import BAD_TRON_ADDRESS, BASE, CRYPTOMUS, PATIENCE, RUN, TRON_ADDRESS, WEBHOOKS
from steps import between, delivered, equal, refused, step

ORDER = {
    "amount": 5,
    "currency": "USDT",
    "order_id": f"milk-{RUN}",
    "address": TRON_ADDRESS,
    "is_subtract": True,
    "network": "TRON",
    "url_callback": WEBHOOKS,
}


def connect(payment=CRYPTOMUS["payment"], payout=CRYPTOMUS["payout"]):
    client = Cryptomus(CRYPTOMUS["merchant"], api_key=payment, payout_api_key=payout)
    client.base_url = BASE
    return client


def order(suffix, **changes):
    return {**ORDER, "order_id": f"milk-{RUN}-{suffix}", **changes}


async def paid(client, uuid):
    for _ in range(int(PATIENCE / 0.1)):
        found = await client.get_payout_info(uuid=uuid)
        if found.is_final:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("waited in vain: paid")


async def creates(client):
    made = second = None
    with step("create"):
        made = await client.create_payout(**ORDER)
        equal(made.status, "process", "status")
        equal(made.is_final, False, "is_final")
        equal(made.amount, 5.0, "amount")
        equal(made.payer_amount, 5.0, "payer_amount")
        equal(made.payer_currency, "USDT", "payer_currency")
        equal(made.address, TRON_ADDRESS, "address")
        equal(made.txid, None, "txid")
    with step("create again: the same payout"):
        equal((await client.create_payout(**ORDER)).uuid, made.uuid, "uuid")
    with step("the balance falls by amount and fee"):
        second = await client.create_payout(**order("second"))
        between(5.0, round(made.balance - second.balance, 6), 6.0, "what it fell by")
    with step("info by uuid"):
        equal((await client.get_payout_info(uuid=made.uuid)).amount, 5.0, "amount")
    with step("info by order_id"):
        equal((await client.get_payout_info(order_id=ORDER["order_id"])).uuid, made.uuid, "uuid")
    return made, second


async def refusals(client):
    wrong = connect("payment-key-2", "payout-key-2")
    with step("wrong key"), refused(exceptions.InvalidMerchantUUIDError, "Invalid Sign."):
        await wrong.create_payout(**order("a"))
    await wrong.session.close()
    cases = {
        "unknown currency": ("The currency was not found", {"currency": "NOSUCH"}),
        "network that the coin is not on": ("The service was not found", {"network": "BTC"}),
        "not enough funds": ("Not enough funds", {"amount": 5_000_000}),
        "address with a wrong checksum": ("", {"address": BAD_TRON_ADDRESS}),
        "reference with a space": ("", {"order_id": "a b"}),
        "amount of nothing": ("", {"amount": 0}),
    }
    for name, (words, change) in cases.items():
        with step(name), refused(exceptions.ValidationError, words):
            await client.create_payout(**order(name.split()[0], **change))


async def lists(client, uuids):
    with step("payout list"):
        page = await client.get_payout_history(date_from="2023-05-04 00:00:00")
        equal(page.merchant_uuid, CRYPTOMUS["merchant"], "merchant_uuid")
        assert uuids <= {item.uuid for item in page.items}, page
        equal(page.info.per_page, 15, "per_page")
        equal(page.info.count, len(page.items), "count")
        item = next(it for it in page.items if it.uuid in uuids)
        equal((item.amount, item.currency), (5.0, "USDT"), "item")
        assert isinstance(item.created_at, datetime) and item.updated_at >= item.created_at, item
    with step("payout list: an empty period"):
        page = await client.get_payout_history(
            date_from="2023-05-04 00:00:00", date_to="2023-05-05 00:00:00"
        )
        equal((page.items, page.info.count), ([], 0), "page")
    with step("payout list: next page and back"):
        for number in range(16):
            await client.create_payout(**order(f"page-{number}", url_callback=None))
        page = await client.get_payout_history()
        equal((page.info.has_pages, len(page.items)), (True, 15), "first page")
        after = await client.get_payout_history(cursor=page.info.next_cursor)
        assert not {it.uuid for it in page.items} & {it.uuid for it in after.items}, after
        assert uuids & {it.uuid for it in after.items}, after
        back = await client.get_payout_history(cursor=after.info.previous_cursor)
        equal([it.uuid for it in back.items], [it.uuid for it in page.items], "page")
    with step("payout services"):
        services = await client.get_payout_services()
        tron = next(it for it in services if (it.currency, it.network.lower()) == ("USDT", "tron"))
        equal(tron.is_available, True, "is_available")
        between(0, tron.limit.min_amount, 5, "min_amount")
        assert tron.limit.max_amount > tron.limit.min_amount, tron
        between(0, tron.commission.fee_amount, 5, "fee_amount")
        between(0, tron.commission.percent, 5, "percent")
    with step("exchange rates"):
        rates = await client.get_exchange_rates(currency="BTC")
        usd = next(it for it in rates if it.to in ("USD", "USDT"))
        equal(usd.from_, "BTC", "from")
        between(1_000, usd.course, 10_000_000, "course")


async def moves(client):
    async def merchant_usdt():
        shown = (await client.get_balance())[0].balance
        rows = [row.balance for row in shown.merchant if row.currency_code == "USDT"]
        assert rows and all(isinstance(row, Decimal) for row in rows), shown
        return sum(rows)

    with step("balance"):
        before = await merchant_usdt()
        assert before > 0, before
    with step("transfer to personal"):
        moved = await client.transfer_to_personal(amount=4, currency="USDT")
        assert moved.user_wallet_transaction_uuid != moved.merchant_transaction_uuid, moved
        assert moved.user_wallet_balance >= 4, moved
        equal(before - await merchant_usdt(), Decimal(4), "what the balance fell by")
    with step("transfer to business"):
        back = await client.transfer_to_business(amount=4, currency="USDT")
        equal(round(back.user_wallet_balance, 6), round(moved.user_wallet_balance - 4, 6))
        equal(await merchant_usdt(), before, "balance")
    with step("transfer of too much"), refused(exceptions.ValidationError):
        await client.transfer_to_personal(amount=10**12, currency="USDT")


async def webhooks(client, made):
    with step("paid"):
        found = await paid(client, made.uuid)
        equal(found.status, "paid", "status")
        assert found.txid, found
    with step("webhook passes the client's verifier"):
        _, body = delivered(made.uuid, '"status":"paid"')
        update = PayoutUpdate.model_validate_json(body)
        equal(client.check_signature(body, update), True, "check_signature")
        equal((update.type, update.order_id), ("payout", ORDER["order_id"]), "update")
        equal((update.amount, update.is_final, update.txid), (5.0, True, found.txid), "update")
        assert update.merchant_amount >= update.amount and update.commission >= 0, update
    with step("forged webhook does not pass"):
        forged = body.replace('"amount":"5.', '"amount":"9.')
        equal(client.check_signature(forged, update), False, "check_signature")


async def main():
    client = connect()
    made, second = await creates(client)
    await refusals(client)
    if made and second:
        await lists(client, {made.uuid, second.uuid})
        await webhooks(client, made)
    await moves(client)
    await client.session.close()


asyncio.run(main())
