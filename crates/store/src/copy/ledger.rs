//! Adding up what was copied, exactly.

use std::collections::BTreeMap;

use super::{
    error::CopyError,
    row::{Held, Row},
    table::Copied,
};
use crate::queries::{codec, shape};

/// The lines of the balances, and what was posted to them.
#[derive(Default)]
pub(super) struct Ledger {
    lines: BTreeMap<i64, Line>,
}

struct Line {
    account: String,
    asset: String,
    units: i128,
    posted: i128,
}

impl Ledger {
    /// Takes a row into account. Lines come before what was posted to them.
    pub(super) fn take(&mut self, table: &Copied, row: &Row) -> Result<(), CopyError> {
        let taken = if table.is(&shape::BALANCES) {
            self.open(table, row)
        } else if table.is(&shape::POSTINGS) {
            self.post(table, row)
        } else {
            Some(())
        };
        let what =
            || format!("{} {} makes no sense", table.name(), super::row::named(row.key(table)));
        taken.ok_or_else(|| CopyError::Ledger { what: what() })
    }

    fn open(&mut self, table: &Copied, row: &Row) -> Option<()> {
        let line = Line {
            account: text(row.get(table, "account"))?.to_owned(),
            asset: text(row.get(table, "asset"))?.to_owned(),
            units: codec::canonical(text(row.get(table, "units"))?)?,
            posted: 0,
        };
        self.lines.insert(number(row.get(table, "id"))?, line);
        Some(())
    }

    fn post(&mut self, table: &Copied, row: &Row) -> Option<()> {
        let units = codec::amount(text(row.get(table, "amount"))?)?.signed();
        let (debit, credit) = (row.get(table, "debit"), row.get(table, "credit"));
        let debited = self.lines.get_mut(&number(debit)?)?;
        debited.posted = debited.posted.checked_sub(units)?;
        let asset = debited.asset.clone();
        let credited = self.lines.get_mut(&number(credit)?)?;
        credited.posted = credited.posted.checked_add(units)?;
        (credited.asset == asset).then_some(())
    }

    /// Checks that each line is the sum of its postings, and that each asset adds up to zero.
    pub(super) fn check(&self) -> Result<(), CopyError> {
        let mut sums: BTreeMap<&str, Option<i128>> = BTreeMap::new();
        for (id, line) in &self.lines {
            let Line { account, asset, units, posted } = line;
            if units != posted {
                let what = format!(
                    "line {id} of balances ({account} in {asset}) holds {units}, and its postings are \
                     {posted} in all"
                );
                return Err(CopyError::Ledger { what });
            }
            let sum = sums.entry(asset).or_insert(Some(0));
            *sum = sum.and_then(|it| it.checked_add(*units));
        }
        let wrong = sums.iter().find(|it| *it.1 != Some(0));
        wrong.map_or(Ok(()), |(asset, _)| {
            let what = format!("the accounts of {asset} are not zero in all");
            Err(CopyError::Ledger { what })
        })
    }
}

fn text(held: &Held) -> Option<&str> {
    if let Held::Text(text) = held { Some(text) } else { None }
}

fn number(held: &Held) -> Option<i64> {
    if let Held::Integer(number) = held { Some(*number) } else { None }
}
