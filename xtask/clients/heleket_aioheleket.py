"""Drives the package `aioheleket` 1.4.0 (https://pypi.org/project/aioheleket/).

Its models take no key that they do not know, which makes it the strictest of all clients.
"""

import asyncio
from decimal import Decimal

from aioheleket import HeleketClient
from aioheleket.exceptions import AioheleketError, HeleketValidationError, InvalidCredentialsError
from pydantic import ValidationError

from steps import BAD_TRON_ADDRESS, BASE, HELEKET, LITECOIN_ADDRESS, PATIENCE, RUN, TRON_ADDRESS
from steps import WEBHOOKS, between, client_bug, equal, refused, step

ORDER = {
    "amount": "5",
    "currency": "USDT",
    "order_id": f"aio-{RUN}",
    "address": TRON_ADDRESS,
    "is_subtract": True,
    "network": "TRON",
}
CALCULATED = {name: value for name, value in ORDER.items() if name != "order_id"}


def here(service):
    service._request_builder._api_url = BASE + "/v1/"
    return service


def order(suffix, **changes):
    return {**ORDER, "order_id": f"aio-{RUN}-{suffix}", **changes}


async def creates(payouts):
    made = None
    with step("create"):
        made = await payouts.create_invoice(**ORDER)
        equal((made.status, made.is_final, made.txid), ("process", False, None), "status")
        equal((made.amount, made.payer_amount), (Decimal(5), Decimal(5)), "amounts")
        equal(made.merchant_amount, made.amount + made.commissions, "merchant_amount")
        equal((made.address, made.payer_currency), (TRON_ADDRESS, "USDT"), "payout")
        equal(made.convert, None, "convert")
    with step("create again: the same payout"):
        equal((await payouts.create_invoice(**ORDER)).uuid, made.uuid, "uuid")
    with step("fee out of the amount"):
        less = await payouts.create_invoice(**order("less", is_subtract=False))
        equal(less.payer_amount + less.commissions, Decimal(5), "payer_amount and fee")
        equal(less.merchant_amount, Decimal(5), "merchant_amount")
    with step("dollars, paid in LTC, from USDT: what was sold"):
        changes = {"amount": "20", "currency": "USD", "to_currency": "LTC", "network": "LTC"}
        changes |= {"address": LITECOIN_ADDRESS, "from_currency": "USDT"}
        sold = await payouts.create_invoice(**order("sold", **changes))
        equal((sold.currency, sold.payer_currency), ("USD", "LTC"), "currencies")
        pair = (sold.convert.from_currency, sold.convert.to_currency)
        equal(pair, ("USDT", "LTC"), "convert")
        fair = sold.merchant_amount / Decimal(sold.convert.rate)
        between(fair, sold.convert.from_amount, fair * Decimal("1.1"), "from_amount")
        paid_for = sold.convert.from_amount - sold.convert.commission
        between(fair * Decimal("0.999"), paid_for, fair * Decimal("1.001"), "what is left")
    with step("info by uuid"):
        found = await payouts.payout_info(uuid=made.uuid)
        equal((found.uuid, found.amount), (made.uuid, Decimal(5)), "payout")
    with step("info by order_id"):
        found = await payouts.payout_info(order_id=ORDER["order_id"])
        equal(found.uuid, made.uuid, "uuid")
    with client_bug("create with url_callback", "HttpUrl is not made text", TypeError, "HttpUrl"):
        await payouts.create_invoice(**order("hook", url_callback=WEBHOOKS))
    with client_bug("test webhook", "HttpUrl is not made text", TypeError, "HttpUrl"):
        await payouts.test_webhook(WEBHOOKS, "USDT", "TRON")
    return made


async def refusals(payouts):
    async with HeleketClient(HELEKET["merchant"], payout_api_key="wrong") as other:
        with step("wrong key"), refused(InvalidCredentialsError):
            await here(await other.payout_service()).create_invoice(**order("a"))
    cases = {
        "unknown currency": ("The currency was not found", {"currency": "NOSUCH"}),
        "network that the coin is not on": ("The service was not found", {"network": "BTC"}),
        "not enough funds": ("Not enough funds", {"amount": "5000000"}),
    }
    for name, (words, change) in cases.items():
        with step(name), refused(AioheleketError, words):
            await payouts.create_invoice(**order(name.split()[0], **change))
    with step("address with a wrong checksum"):
        with refused((AioheleketError, HeleketValidationError), "422"):
            await payouts.create_invoice(**order("address", address=BAD_TRON_ADDRESS))
    with step("amount that is no number"), refused(HeleketValidationError, "amount"):
        await payouts.create_invoice(**order("amount", amount="five"))


async def asks(payouts, made):
    with step("calculate"):
        sums = await payouts.calc(**CALCULATED, priority="recommended")
        equal(sums.payout_amount, Decimal(5), "payout_amount")
        equal(sums.merchant_amount, sums.payout_amount + sums.commission, "merchant_amount")
        equal(sums.commission, made.commissions, "commission")
    with client_bug("calculate without priority", "its default is not made text", TypeError, "Priority"):
        await payouts.calc(**CALCULATED)
    with step("payout services"):
        services = await payouts.services_info()
        tron = next(it for it in services if (it.currency, it.network.lower()) == ("USDT", "tron"))
        equal(tron.is_available, True, "is_available")
        assert Decimal(0) <= tron.limit.min_amount < tron.limit.max_amount, tron
        assert tron.commission.fee_amount >= 0 and tron.commission.percent >= 0, tron
    with client_bug("payout list", "takes no merchant_uuid", ValidationError, "merchant_uuid"):
        await payouts.payout_history()


async def moves(payouts, finances):
    async def merchant_usdt():
        shown = await finances.balance()
        return sum(it.crypto_balance for it in shown.merchant if it.currency_code == "USDT")

    with step("balance"):
        before = await merchant_usdt()
        assert before > 0, before
    with step("transfer to personal"):
        moved = await payouts.transfer_to_personal_wallet("4", "USDT")
        assert moved.user_wallet_balance >= 4, moved
        equal(before - await merchant_usdt(), Decimal(4), "what the balance fell by")
    with step("transfer to business"):
        back = await payouts.transfer_to_business_wallet("4", "USDT")
        equal(moved.user_wallet_balance - back.user_wallet_balance, Decimal(4), "moved back")
    with step("exchange rates"):
        rates = await finances.exchange_rate("BTC")
        usd = next(it for it in rates if it.to in ("USD", "USDT"))
        assert usd.from_ == "BTC" and 1_000 < usd.course < 10_000_000, usd


async def paid(payouts, uuid):
    for _ in range(int(PATIENCE / 0.1)):
        found = await payouts.payout_info(uuid=uuid)
        if found.is_final:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("waited in vain: paid")


async def main():
    keys = {"payment_api_key": HELEKET["payment"], "payout_api_key": HELEKET["payout"]}
    async with HeleketClient(HELEKET["merchant"], **keys) as client:
        payouts = here(await client.payout_service())
        made = await creates(payouts)
        await refusals(payouts)
        await asks(payouts, made)
        await moves(payouts, here(await client.finance_service()))
        with step("paid"):
            found = await paid(payouts, made.uuid)
            equal(found.status, "paid", "status")
            assert found.txid, found


asyncio.run(main())
