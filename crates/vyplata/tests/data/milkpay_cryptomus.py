"""Drives the package `milkpay-cryptomus` 1.3.0 (https://pypi.org/project/milkpay-cryptomus/)."""

import asyncio
import os

from milkpay.cryptomus.business import Cryptomus


async def main():
    client = Cryptomus(
        merchant="8b03432e-385b-4670-8d06-064591096795",
        api_key="payment-key-1",
        payout_api_key="payout-key-1",
    )
    client.base_url = os.environ["BASE"]
    order = {
        "currency": "USDT",
        "order_id": "milk-1",
        "address": "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm",
        "is_subtract": True,
        "network": "TRON",
        "url_callback": os.environ["BASE"] + "/sandbox/webhooks",
    }
    try:
        made = await client.create_payout(amount=5, **order)
        again = await client.create_payout(amount=5, **order)
        assert again.uuid == made.uuid
        found = await client.get_payout_info(uuid=made.uuid)
        assert found.uuid == made.uuid
        try:
            await client.create_payout(amount=5_000_000, **{**order, "order_id": "milk-2"})
        except Exception as error:
            assert "Not enough funds" in str(error), error
        else:
            raise SystemExit("not refused")
    finally:
        await client.session.close()
    print(made.uuid)


asyncio.run(main())
