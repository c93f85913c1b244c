"""Drives the package `cryptocloud-sdk` 0.1.1 (https://pypi.org/project/cryptocloud-sdk/).

It has no call for payouts: a payout is made by hand, and asked for with the package.
"""

import asyncio
from datetime import date, timedelta

import requests
from cryptocloud_sdk import CryptoCloud, dto, errors
from pydantic import ValidationError

from steps import BASE, RUN, TRON_ADDRESS
from steps import client_bug, equal, refused, step

KEY = "cc-withdraw-key"


def create():
    """A payout, made by hand."""
    answer = requests.post(
        f"{BASE}/v2/invoice/api/out/create",
        headers={"Authorization": f"Token {KEY}"},
        json={
            "currency_code": "USDT_TRC20",
            "to_address": TRON_ADDRESS,
            "amount": 7.5,
            "order_id": f"sdk-{RUN}",
        },
        timeout=30,
    )
    return answer.json()["result"]


async def main():
    client = CryptoCloud(KEY, "shop", host=BASE)
    made = create()
    with step("balance"):
        rows = await client.get_balance()
        coins = {row.currency.code: row for row in rows}
        usdt = coins["USDT_TRC20"]
        equal((usdt.currency.short_code, usdt.currency.obj_network.code), ("USDT", "TRC20"), "coin")
        assert usdt.balance_crypto >= usdt.available_balance > 0, usdt
        assert usdt.available_balance_usd > 0 and usdt.currency.stablecoin, usdt
    with step("balance of one coin"):
        one = await client.get_balance(dto.SupportedCryptoCurrency.BTC)
        equal((type(one), one.currency.short_code), (dto.CoinBalance, "BTC"), "coin")
    with step("balance with a wrong key"), refused(errors.BadRequestError, "Unauthorized request."):
        await CryptoCloud("bad", "shop", host=BASE).get_balance()
    with client_bug("payout's info", "it wants an expiry date and fees of pay-ins",
                    ValidationError, "expiry_date"):
        await client.get_invoices([made["uuid"]])
    with step("info of nothing"):
        equal(await client.get_invoices(["INV-ZZZZZZZZ"]), [], "invoices")
    with step("statistics"):
        today = date.today()
        stats = await client.get_stats(today - timedelta(days=1), today + timedelta(days=1))
        assert stats.count.all >= 1 and stats.amount.all > 0, stats
        assert stats.count.created + stats.count.paid <= stats.count.all, stats
    with step("statistics of an empty period"):
        stats = await client.get_stats(date(2023, 5, 4), date(2023, 5, 5))
        equal((stats.count.all, stats.amount.all), (0, 0.0), "statistics")
    with step("a payout cannot be cancelled like an invoice"), refused(errors.BadRequestError, "[400]"):
        await client.cancel_invoice(made["uuid"])


asyncio.run(main())
