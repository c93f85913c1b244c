//! Reading both sides again, row by row.

use std::{
    collections::{BTreeMap, VecDeque, btree_map},
    mem,
};

use sha2::Digest as _;

use super::{
    Progress, Proof, Step,
    end::Begun,
    error::CopyError,
    ledger::Ledger,
    row::{self, Held, Row},
    table::{COPIED, Copied, PAGE_ROWS},
};

/// Reads both sides and compares all rows; proves that the tables are the same and that the ledger adds
/// up.
pub(super) async fn compare(
    source: &Begun<'_>,
    target: &Begun<'_>,
    tell: &mut impl FnMut(Progress),
) -> Result<Vec<Proof>, CopyError> {
    let mut ledger = Ledger::default();
    let mut proofs = vec![];
    for table in COPIED.iter() {
        proofs.push(compare_table(source, target, table, &mut ledger, tell).await?);
    }
    ledger.check()?;
    Ok(proofs)
}

async fn compare_table(
    source: &Begun<'_>,
    target: &Begun<'_>,
    table: &'static Copied,
    ledger: &mut Ledger,
    tell: &mut impl FnMut(Progress),
) -> Result<Proof, CopyError> {
    let (mut there, mut here) = (Walk::new(source, table), Walk::new(target, table));
    let mut rows = 0;
    let mut hashes = [row::begun(table), row::begun(table)];
    let name = table.name();
    loop {
        let (one, other) = match (there.next().await?, here.next().await?) {
            (Some(one), Some(other)) if one == other => (one, other),
            (None, None) => break,
            (one, other) => return Err(differ(table, one.as_ref(), other.as_ref())),
        };
        one.hash(&mut hashes[0]);
        other.hash(&mut hashes[1]);
        ledger.take(table, &other)?;
        rows += 1;
        if rows % PAGE_ROWS as u64 == 0 {
            tell(Progress { step: Step::Comparing, table: name, rows });
        }
    }
    let [one, other] = hashes.map(|it| hex::encode(it.finalize()));
    if one != other {
        return Err(CopyError::Differ { table: name, key: "no row in particular".to_owned() });
    }
    Ok(Proof { table: name, rows, sha256: other })
}

/// The first of the rows that are not the same.
fn differ(table: &Copied, one: Option<&Row>, other: Option<&Row>) -> CopyError {
    let place = |row: &&Row| {
        let key = row.key(table);
        (!key.iter().all(Held::is_plain), key.to_vec())
    };
    let first = one.into_iter().chain(other).min_by_key(place);
    let key = first.map_or_else(String::new, |it| row::named(it.key(table)));
    CopyError::Differ { table: table.name(), key }
}

/// The rows of a table in an order that is the same for all databases: those whose keys are held as
/// they are, then the others, which are rare, each in the order of their keys.
struct Walk<'a> {
    side: &'a Begun<'a>,
    table: &'static Copied,
    after: Option<Row>,
    ready: VecDeque<Row>,
    aside: BTreeMap<Vec<Held>, Row>,
    last: Option<btree_map::IntoValues<Vec<Held>, Row>>,
}

impl<'a> Walk<'a> {
    fn new(side: &'a Begun<'a>, table: &'static Copied) -> Self {
        let (ready, aside) = (VecDeque::new(), BTreeMap::new());
        Self { side, table, after: None, ready, aside, last: None }
    }

    async fn next(&mut self) -> Result<Option<Row>, CopyError> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Ok(Some(row));
            }
            if let Some(last) = &mut self.last {
                return Ok(last.next());
            }
            let page = self.side.page(self.table, None, self.after.as_ref()).await?;
            match page.last() {
                Some(last) => self.after = Some(last.clone()),
                None => self.last = Some(mem::take(&mut self.aside).into_values()),
            }
            for row in page {
                let key = row.key(self.table);
                if key.iter().all(Held::is_plain) {
                    self.ready.push_back(row);
                } else {
                    self.aside.insert(key.to_vec(), row);
                }
            }
        }
    }
}
