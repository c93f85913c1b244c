//! What the operator does: funds wallets, compares chain and ledger, books what others spent.

use domain::{
    ids::{AssetId, LaneId},
    lane::Lane,
    money::Amount,
    reconcile::{Comparison, Verdict},
};

use super::{
    Arc, Cause, ChangeSet, Fault, LedgerAccount, Posting, Store, Violation, World, block_on,
    ledger, must, scene,
};

/// What every lane is funded with for the rich merchant, the poor one and the house.
const RICH_UNITS: u128 = 400_000;
const POOR_UNITS: u128 = 500;
const HOUSE_UNITS: u128 = 500;
/// What a lane holds that was not funded properly.
const SHORT_UNITS: u128 = 500;

impl World {
    pub(super) fn set_up(&mut self) {
        let mut change = ChangeSet {
            merchants: scene::merchants(),
            lanes: scene::lanes(),
            ..ChangeSet::default()
        };
        for lane in scene::lanes() {
            for asset in scene::paid_assets() {
                if asset.as_str().split('@').nth(1) == Some(lane.network.as_str()) {
                    let short = self.faults.strikes(Fault::EmptyWallet);
                    self.fund(&lane, &asset, short, &mut change);
                }
            }
        }
        let done = block_on(self.store.commit(change));
        done.expect("an empty store takes the first commit");
    }

    fn fund(&mut self, lane: &Lane, asset: &AssetId, short: bool, change: &mut ChangeSet) {
        let shares = [
            (LedgerAccount::Available(scene::RICH), RICH_UNITS),
            (LedgerAccount::Available(scene::STOPPED), POOR_UNITS),
            (LedgerAccount::Available(scene::POOR), POOR_UNITS),
            (LedgerAccount::Inventory, HOUSE_UNITS),
        ];
        let total: u128 = shares.iter().map(|it| it.1 * scene::scale(asset)).sum();
        for (owner, units) in shares {
            let units = scene::amount(units * scene::scale(asset));
            let note = "opening balance".to_owned();
            change.postings.extend(ledger::fund(&lane.id, asset, owner, units, note, self.now));
        }
        let chain = self.chain(lane.network.as_str());
        if short {
            // The rest is elsewhere, and an operator has yet to bring it.
            chain.fund(&lane.address, asset, scene::amount(SHORT_UNITS));
            let missing = total - SHORT_UNITS;
            change.postings.push(self.elsewhere(&lane.id, asset, scene::amount(missing), true));
            self.short.push((lane.id.clone(), asset.clone(), missing));
        } else {
            chain.fund(&lane.address, asset, scene::amount(total));
        }
    }

    /// Coins of a lane that are gone from it, or are there again.
    fn elsewhere(&self, lane: &LaneId, asset: &AssetId, amount: Amount, gone: bool) -> Posting {
        let wallet = LedgerAccount::HotWallet(lane.clone());
        let (debit, credit) = if gone {
            (LedgerAccount::Suspense, wallet)
        } else {
            (wallet, LedgerAccount::Suspense)
        };
        let cause = Cause::Manual("by the operator".to_owned());
        Posting { at: self.now, cause, asset: asset.clone(), debit, credit, amount }
    }

    /// Faults end, nodes catch up, fees fall, wallets are filled; what nobody remembers is lost.
    pub(super) fn heal(&mut self) -> Result<(), Violation> {
        let remembered = self.faults.chance(50);
        self.faults.heal();
        self.faults.note(|| format!("{:>9} ALL IS WELL AGAIN", self.now.0));
        self.crash();
        for rail in self.ports.rails.values() {
            let chain = rail.node().chain();
            rail.let_arrive();
            rail.catch_up();
            chain.set_fee_level(scene::amount(scene::FEE_LEVEL));
            if remembered {
                for txid in chain.limbo() {
                    chain.recall(&txid);
                }
            }
            chain.empty_limbo();
        }
        let mut change = ChangeSet::default();
        for (lane, asset, missing) in std::mem::take(&mut self.short) {
            let address = self.store.look(|it| it.lanes[&lane].address.clone());
            let network = lane.as_str().split('/').next().unwrap_or_default();
            self.chain(network).fund(&address, &asset, scene::amount(missing));
            change.postings.push(self.elsewhere(&lane, &asset, scene::amount(missing), false));
        }
        let done = block_on(self.store.commit(change));
        must!(done.is_ok(), "the operator could not fund a lane");
        Arc::make_mut(&mut self.market).renew(&self.faults, self.now);
        self.look()
    }

    /// Compares chain and ledger while work is under way: nothing may be missing that is neither
    /// on its way nor somebody else's.
    pub(super) fn reconcile(&mut self) -> Result<(), Violation> {
        for mut comparison in self.comparisons()? {
            let outside = self.outside_units(&comparison);
            let chain = comparison.chain.units() + outside;
            comparison.chain = Amount::from_units(chain).ok_or("too much")?;
            let verdict = comparison.verdict();
            must!(
                !matches!(verdict, Verdict::Differ { .. }),
                "chain and ledger differ: {comparison:?}"
            );
        }
        Ok(())
    }

    /// All is quiet: chain and ledger must agree to the last unit.
    pub(super) fn check_agreement(&mut self) -> Result<(), Violation> {
        let comparisons = self.comparisons()?;
        must!(comparisons.len() == 6, "some of {comparisons:?} were not compared");
        for comparison in comparisons {
            let verdict = comparison.verdict();
            must!(verdict == Verdict::Agree, "in the end, {verdict:?}: {comparison:?}");
            let wallet = LedgerAccount::HotWallet(comparison.lane.clone());
            let booked = -self.auditor.balance(&wallet, &comparison.asset);
            must!(booked == comparison.chain.signed(), "the books say {booked}: {comparison:?}");
        }
        Ok(())
    }

    fn comparisons(&mut self) -> Result<Vec<Comparison>, Violation> {
        let mut comparisons = vec![];
        for lane in scene::lanes() {
            let rail = self.ports.rails[&lane.network].node();
            let (catalog, store) = (&self.ports.catalog, self.store.as_ref());
            let found = block_on(engine::reconcile(catalog, store, rail, &lane.id));
            comparisons.extend(found.map_err(|_| "chain and ledger could not be compared")?);
        }
        Ok(comparisons)
    }

    /// What others spent of a lane's coins and the ledger does not know of.
    fn outside_units(&self, comparison: &Comparison) -> u128 {
        let network = comparison.lane.as_str().split('/').next().unwrap_or_default();
        let fee_asset = self.ports.catalog.network(network).map(|it| &it.fee_asset);
        if fee_asset != Some(&comparison.asset) {
            return 0;
        }
        u128::try_from(self.auditor.spent_outside(&comparison.lane)).unwrap_or_default()
    }

    /// The operator finds what others spent, as differences, and books them.
    pub(super) fn book_outside(&mut self) -> Result<(), Violation> {
        let mut change = ChangeSet::default();
        for comparison in self.comparisons()? {
            let outside = scene::amount(self.outside_units(&comparison));
            let expected = match outside.signed() {
                0 => Verdict::Agree,
                units => Verdict::Differ { units },
            };
            let verdict = comparison.verdict();
            must!(verdict == expected, "{verdict:?} instead of {expected:?}: {comparison:?}");
            if !outside.is_zero() {
                let gone = self.elsewhere(&comparison.lane, &comparison.asset, outside, true);
                change.postings.push(gone);
            }
        }
        let done = block_on(self.store.commit(change));
        must!(done.is_ok(), "the operator could not book a difference");
        Ok(())
    }
}
