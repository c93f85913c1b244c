//! Payouts that are paid from another coin.

use std::collections::BTreeMap;

use domain::{
    command::{CreatePayout, Source},
    event::EventKind,
    ids::AssetId,
    ledger::LedgerAccount,
    payout::Status,
};
use sim::workload::Trap;

use crate::story::Story;

type Lines = BTreeMap<(LedgerAccount, AssetId), i128>;

fn from_another_coin(create: &mut CreatePayout) {
    create.source = Source::Ticker("COIN".to_owned());
    create.insured = true;
}

/// What merchants and the house have.
fn owned(story: &Story) -> Lines {
    let is_owned = |it: &LedgerAccount| it.must_not_be_negative();
    story.world.store.look(|it| {
        let lines = it.balances.iter().filter(|it| is_owned(&it.0.0) && *it.1 != 0);
        lines.map(|(line, units)| (line.clone(), *units)).collect()
    })
}

/// How a line has changed.
fn change(before: &Lines, after: &Lines, account: &LedgerAccount, asset: &str) -> i128 {
    let line = (account.clone(), AssetId::new(asset));
    let units = |lines: &Lines| lines.get(&line).copied().unwrap_or_default();
    units(after) - units(before)
}

#[test]
fn the_house_gives_what_is_paid_and_keeps_what_it_costs() {
    let nobody = Story { world: sim::world::World::new(sim::faults::Faults::none(1)) };
    let before = owned(&nobody);
    let mut story = Story::begin_with("TOKEN@fast", from_another_coin);
    assert_eq!(story.end(), Status::Paid);
    let (payout, after) = (story.payout(), owned(&story));
    let conversion = payout.quote.conversions.first().expect("something was sold");
    assert!(!conversion.insurance.is_zero());
    let cost = conversion.cost.signed();
    let merchant = LedgerAccount::Available(payout.merchant);
    let changed = |account, asset| change(&before, &after, account, asset);
    assert_eq!(changed(&merchant, "COIN@fast"), -cost);
    assert_eq!(changed(&merchant, "TOKEN@fast"), 0);
    assert_eq!(changed(&LedgerAccount::Inventory, "COIN@fast"), cost);
    let given = payout.quote.price().signed();
    assert_eq!(changed(&LedgerAccount::Inventory, "TOKEN@fast"), -given);
}

#[test]
fn what_the_network_undoes_returns_to_the_merchant_and_to_the_house() {
    let nobody = Story { world: sim::world::World::new(sim::faults::Faults::none(1)) };
    let before = owned(&nobody);
    let mut story = Story::begin_with("TOKEN@fast", from_another_coin);
    let address = story.payout().destination.address;
    story.world.lay(&Trap::Reverts(AssetId::new("TOKEN@fast"), address));
    assert_eq!(story.end(), Status::Failed);
    assert_eq!(story.happened(EventKind::Failed), 1);
    assert_eq!(owned(&story), before);
}
