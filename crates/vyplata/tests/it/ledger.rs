//! The database file, read from outside while the gateway works on it.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OpenFlags};

/// A payout as it is stored; amounts in smallest units.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) public_id: String,
    pub(crate) asset: String,
    pub(crate) status: String,
    pub(crate) price: i128,
    pub(crate) txid: Option<String>,
}

/// A database, opened for reading.
pub(crate) struct Ledger(Connection);

impl Ledger {
    /// Opens the database of a data directory.
    pub(crate) fn open(data: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(data.join("vyplata.db"), flags).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        Self(connection)
    }

    /// A question whose answer is one number.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.0.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// The balances of the accounts whose name begins like this, summed by asset.
    pub(crate) fn balances(&self, account: &str) -> BTreeMap<String, i128> {
        let mut statement = self.0.prepare("SELECT account, asset, units FROM balances").unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut sums = BTreeMap::new();
        while let Some(row) = rows.next().unwrap() {
            let text = |index| row.get::<_, String>(index).unwrap();
            if text(0).starts_with(account) {
                *sums.entry(text(1)).or_default() += text(2).parse::<i128>().unwrap();
            }
        }
        sums
    }

    /// Every payout, oldest first.
    pub(crate) fn payouts(&self) -> Vec<Stored> {
        let sql = "SELECT id, public_id, asset, status, amount, service_fee, network_fee, txid
                   FROM payouts ORDER BY id";
        let mut statement = self.0.prepare(sql).unwrap();
        let stored = statement.query_map([], |row| {
            let units = |index| row.get(index).map(|it: String| it.parse::<i128>().unwrap());
            Ok(Stored {
                id: row.get(0)?,
                public_id: row.get(1)?,
                asset: row.get(2)?,
                status: row.get(3)?,
                price: units(4)? + units(5)? + units(6)?,
                txid: row.get(7)?,
            })
        });
        stored.unwrap().map(Result::unwrap).collect()
    }

    /// The payout that a reference or an idempotency key stands for.
    pub(crate) fn claimed(&self, text: &str) -> Vec<String> {
        let sql = "SELECT payout FROM claims WHERE text = ?1 AND payout IS NOT NULL";
        let mut statement = self.0.prepare(sql).unwrap();
        let ids = statement.query_map([text], |row| row.get(0));
        ids.unwrap().map(Result::unwrap).collect()
    }

    /// What the merchants and the house own of each asset: what is exchanged stays among them.
    pub(crate) fn owned(&self) -> BTreeMap<String, i128> {
        let mut owned = self.balances("available:");
        for (asset, units) in self.balances("inventory") {
            *owned.entry(asset).or_default() += units;
        }
        owned
    }

    /// Fails unless all payouts are paid, each is settled exactly once, nothing is reserved, what is
    /// [owned](Self::owned) shrank by exactly the prices since `before`, and all accounts of each
    /// asset add up to zero.
    pub(crate) fn assert_settled(&self, before: &BTreeMap<String, i128>) {
        let payouts = self.payouts();
        let mut expected = before.clone();
        for payout in &payouts {
            assert!(payout.status == "paid" && payout.txid.is_some(), "{payout:?}");
            *expected.get_mut(&payout.asset).unwrap() -= payout.price;
        }
        assert_eq!(self.owned(), expected);
        self.assert_balanced();
        assert!(self.balances("reserved:").values().all(|units| *units == 0));
        let settled = "SELECT count(*) FROM ledger WHERE cause_kind = 'payout'
                       AND credit LIKE 'hot_wallet:%'";
        let settled_payouts = settled.replace("count(*)", "count(DISTINCT cause)");
        let count = i64::try_from(payouts.len()).unwrap();
        assert_eq!((self.count(settled), self.count(&settled_payouts)), (count, count));
    }

    /// Fails unless all accounts of each asset add up to zero.
    pub(crate) fn assert_balanced(&self) {
        let sums = self.balances("");
        assert!(!sums.is_empty() && sums.values().all(|units| *units == 0), "{sums:?}");
    }
}
