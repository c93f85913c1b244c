//! The ledger: what balances become, and what they may not become.

use domain::{
    Timestamp,
    ids::{AssetId, LaneId, MerchantId},
    ledger::{Cause, LedgerAccount, Posting, network_charged, release, reserve, settle},
    money::Amount,
    ports::{CommitError, Store},
    quote::Conversion,
};

use super::fixtures::{
    MERCHANT, amount, asset, balances, batch, commit, funding, furnish, lane_id, payout, units,
    write,
};
use crate::conformance::ready;

const OVERDRAWN: Result<(), CommitError> = Err(CommitError::Overdrawn);

fn posting(debit: LedgerAccount, credit: LedgerAccount, amount: Amount) -> Posting {
    let cause = Cause::Manual("test".to_owned());
    Posting { at: Timestamp(1), cause, asset: asset(), debit, credit, amount }
}

pub(super) fn what_was_moved_since(store: &dyn Store) {
    furnish(store);
    let wallet = |name: &str| LedgerAccount::HotWallet(LaneId::new(name));
    let (hot, other) = (wallet("net/hot"), wallet("net/other"));
    let at = |ms, debit: &LedgerAccount, credit: &LedgerAccount, units| Posting {
        at: Timestamp(ms),
        ..posting(debit.clone(), credit.clone(), amount(units))
    };
    write(store, |it| {
        it.postings = vec![
            at(10, &other, &hot, 1),
            at(20, &other, &hot, 2),
            at(30, &hot, &other, 4),
            at(30, &other, &LedgerAccount::Suspense, 8),
            at(30, &other, &hot, 16),
        ];
    });
    let since = |ms| ready(store.moved_since(&other, &hot, &asset(), Timestamp(ms)));
    assert_eq!(since(0), Ok(amount(19)));
    assert_eq!((since(20), since(21), since(31)), (Ok(amount(18)), Ok(amount(16)), Ok(amount(0))));
    let gas = AssetId::new("GAS@net");
    assert_eq!(ready(store.moved_since(&other, &hot, &gas, Timestamp(0))), Ok(Amount::ZERO));
    write(store, |it| it.postings = vec![at(40, &other, &hot, Amount::MAX.units() - 30)]);
    let too_much = at(41, &other, &hot, Amount::MAX.units());
    write(store, |it| it.postings = vec![at(41, &hot, &other, Amount::MAX.units()), too_much]);
    assert_eq!(since(0), Ok(Amount::MAX), "what does not fit is as much as there can be");
}

pub(super) fn accounts_are_never_overdrawn(store: &dyn Store) {
    let guarded = [
        LedgerAccount::Available(MERCHANT),
        LedgerAccount::Reserved(MERCHANT),
        LedgerAccount::Inventory,
    ];
    for account in guarded {
        let take = |units| posting(account.clone(), LedgerAccount::Suspense, amount(units));
        assert_eq!(commit(store, |it| it.postings.push(take(1))), OVERDRAWN);
        write(store, |it| it.postings = funding(account.clone(), 10));
        assert_eq!(commit(store, |it| it.postings.push(take(11))), OVERDRAWN);
        assert_eq!(commit(store, |it| it.postings.extend([take(6), take(5)])), OVERDRAWN);
        assert_eq!(units(store, account.clone()), 10);
        write(store, |it| it.postings.push(take(10)));
        assert_eq!(units(store, account.clone()), 0);
        assert_eq!(commit(store, |it| it.postings.push(take(1))), OVERDRAWN);
        // Money of one asset does not pay for another, nor one merchant's for another's.
        write(store, |it| it.postings = funding(account.clone(), 10));
        let mut other = take(1);
        other.asset = AssetId::new("OTHER@net");
        assert_eq!(commit(store, |it| it.postings.push(other)), OVERDRAWN);
        let stranger = LedgerAccount::Available(MerchantId(8));
        let other = posting(stranger, LedgerAccount::Suspense, amount(1));
        assert_eq!(commit(store, |it| it.postings.push(other)), OVERDRAWN);
    }
    let free = [
        LedgerAccount::HotWallet(lane_id()),
        LedgerAccount::ServiceFee,
        LedgerAccount::NetworkFeeCharged,
        LedgerAccount::NetworkFee,
        LedgerAccount::Suspense,
    ];
    for account in free {
        let before = units(store, account.clone());
        let take = posting(account.clone(), LedgerAccount::Inventory, amount(1_000));
        write(store, |it| it.postings.push(take));
        assert_eq!(units(store, account.clone()), before - 1_000, "{account}");
    }
}

pub(super) fn only_the_end_of_a_change_counts(store: &dyn Store) {
    let (inventory, suspense) = (LedgerAccount::Inventory, LedgerAccount::Suspense);
    write(store, |it| {
        it.postings.push(posting(inventory.clone(), suspense.clone(), amount(50)));
        it.postings.push(posting(suspense.clone(), inventory.clone(), amount(50)));
        it.postings.push(posting(inventory.clone(), inventory.clone(), amount(1)));
    });
    assert_eq!(balances(store), [].into());
    let listed = ready(store.postings(&inventory, &asset(), 99)).expect("reachable");
    assert_eq!(listed.len(), 3, "each posting is listed once");
}

pub(super) fn balances_that_do_not_fit_are_refused(store: &dyn Store) {
    let all = || funding(LedgerAccount::Inventory, Amount::MAX.units());
    write(store, |it| it.postings = all());
    let before = balances(store);
    assert_eq!(units(store, LedgerAccount::Inventory), i128::MAX);
    assert_eq!(units(store, LedgerAccount::HotWallet(lane_id())), -i128::MAX);
    assert_eq!(commit(store, |it| it.postings = all()), OVERDRAWN);
    assert_eq!(commit(store, |it| it.postings = [all(), all()].concat()), OVERDRAWN);
    let some = funding(LedgerAccount::Inventory, 2);
    assert_eq!(commit(store, |it| it.postings = some), OVERDRAWN);
    // The merchant's account could hold as much; the wallet that it comes from cannot.
    let others = funding(LedgerAccount::Available(MERCHANT), Amount::MAX.units());
    assert_eq!(commit(store, |it| it.postings.clone_from(&others)), OVERDRAWN);
    assert_eq!(balances(store), before);
    let second = funding(LedgerAccount::Reserved(MERCHANT), Amount::MAX.units());
    let mut elsewhere = [others, second].concat();
    for it in &mut elsewhere {
        it.debit = LedgerAccount::HotWallet(LaneId::new("net/other"));
    }
    assert_eq!(commit(store, |it| it.postings = elsewhere), OVERDRAWN);
    assert_eq!(balances(store), before);
}

/// Checks balances in the test's asset, and that nothing came from nowhere in any.
#[track_caller]
fn check(store: &dyn Store, expected: &[(LedgerAccount, i128)]) {
    let all = balances(store);
    let mut sums = std::collections::BTreeMap::new();
    for ((_, asset), units) in &all {
        assert_ne!(*units, 0, "only balances that are not zero are listed");
        *sums.entry(asset.clone()).or_insert(0) += units;
    }
    assert!(sums.values().all(|it| *it == 0), "every asset sums to zero: {sums:?}");
    let ours = all.into_iter().filter(|((_, it), _)| *it == asset());
    let expected = expected.iter().map(|(account, units)| ((account.clone(), asset()), *units));
    assert_eq!(ours.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

pub(super) fn money_moves_and_none_is_lost(store: &dyn Store) {
    furnish(store);
    let available = LedgerAccount::Available(MERCHANT);
    let reserved = LedgerAccount::Reserved(MERCHANT);
    let wallet = LedgerAccount::HotWallet(lane_id());
    write(store, |it| it.postings = funding(available.clone(), 300));
    check(store, &[(available.clone(), 300), (wallet.clone(), -300)]);
    // A payout of 100 costs 110: 3 for us and 7 for the network.
    let (paid, failed) = (payout(1), payout(2));
    write(store, |it| {
        it.payouts.extend([paid.clone(), failed.clone()]);
        it.postings.extend(reserve(&paid, Timestamp(1)));
        it.postings.extend(reserve(&failed, Timestamp(1)));
    });
    let committed = [(available.clone(), 80), (reserved.clone(), 220), (wallet.clone(), -300)];
    check(store, &committed);
    let third = payout(3);
    let too_much = commit(store, |it| it.postings = reserve(&third, Timestamp(2)));
    assert_eq!(too_much, OVERDRAWN);
    check(store, &committed);
    write(store, |it| it.postings = settle(&paid, &lane_id(), Timestamp(3)));
    write(store, |it| it.postings = release(&failed, Timestamp(4)));
    let earned = [(LedgerAccount::ServiceFee, 3), (LedgerAccount::NetworkFeeCharged, 7)];
    let after = [(available, 190), (wallet, -200), earned[0].clone(), earned[1].clone()];
    check(store, &after);
    assert_eq!(
        ready(store.held(&LedgerAccount::Available(MERCHANT))),
        Ok(vec![(asset(), amount(190))])
    );
    assert_eq!(ready(store.held(&LedgerAccount::Available(MerchantId(8)))), Ok(vec![]));
    let again = commit(store, |it| it.postings = release(&failed, Timestamp(5)));
    assert_eq!(again, OVERDRAWN, "what was released cannot be released again");
    let gas = AssetId::new("GAS@net");
    write(store, |it| {
        it.postings = network_charged(&batch(1, &[]), &gas, amount(6), Timestamp(6));
    });
    check(store, &after);
    let all = balances(store);
    assert_eq!(all[&(LedgerAccount::NetworkFee, gas.clone())], -6);
    assert_eq!(all[&(LedgerAccount::HotWallet(lane_id()), gas)], 6);
}

pub(super) fn inventory_may_be_overdrawn(store: &dyn Store) {
    furnish(store);
    let (inventory, promised) = (LedgerAccount::Inventory, LedgerAccount::InventoryReserved);
    let mut sold = payout(1);
    sold.quote.conversions = vec![Conversion {
        from: AssetId::new("OTHER@net"),
        cost: amount(5),
        insurance: amount(1),
        bought: sold.quote.price(),
        price: None,
    }];
    let mut funds = funding(LedgerAccount::Available(MERCHANT), 6);
    for it in &mut funds {
        it.asset = AssetId::new("OTHER@net");
    }
    write(store, |it| it.postings.clone_from(&funds));
    let sell = |allowed| {
        commit(store, |it| {
            it.postings = reserve(&sold, Timestamp(1));
            it.overdrafts.insert(asset(), amount(allowed));
        })
    };
    assert_eq!(sell(109), OVERDRAWN);
    assert_eq!(sell(110), Ok(()));
    let owed = [(inventory.clone(), -110), (promised.clone(), 110)];
    check(store, &owed);
    assert_eq!(ready(store.held(&LedgerAccount::Available(MERCHANT))), Ok(vec![]));
    // What brings it nearer to zero is never refused.
    write(store, |it| it.postings = funding(inventory.clone(), 10));
    write(store, |it| it.postings = release(&sold, Timestamp(2)));
    check(store, &[(inventory, 10), (LedgerAccount::HotWallet(lane_id()), -10)]);
}
