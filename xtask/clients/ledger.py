"""Looks into the database of the gateway that the other programs used, once nothing moves."""

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from steps import equal, step, wait

FILE = Path(os.environ["DATA"]) / "vyplata.db"


def ask(sql):
    with closing(sqlite3.connect(f"{FILE.as_uri()}?mode=ro", uri=True, timeout=10)) as database:
        return database.execute(sql).fetchall()


def balances(kind):
    """The sum of the accounts of a kind, by asset, in whole smallest units."""
    sums = Counter()
    for account, asset, units in ask("SELECT account, asset, units FROM balances"):
        if account.startswith(kind):
            sums[asset] += int(units)
    return sums


with step("every payout is paid"):
    wait("all paid", lambda: not ask("SELECT 1 FROM payouts WHERE status != 'paid'"))
    payouts = {id for (id,) in ask("SELECT id FROM payouts WHERE txid IS NOT NULL")}
    equal(len(payouts), ask("SELECT count(*) FROM payouts")[0][0], "payouts with a transaction")
with step("every payout is settled exactly once"):
    settled = ask("SELECT cause FROM ledger WHERE cause_kind = 'payout' AND credit LIKE 'hot_wallet:%'")
    counts = Counter(cause for (cause,) in settled)
    assert set(counts.values()) <= {1}, counts.most_common(3)
    equal(len(counts), len(payouts), "payouts that are settled")
with step("nothing is reserved"):
    equal({asset for asset, units in balances("reserved:").items() if units}, set(), "assets")
with step("all accounts of each asset add up to zero"):
    sums = balances("")
    assert sums, "there are no accounts"
    equal({asset for asset, units in sums.items() if units}, set(), "assets")
