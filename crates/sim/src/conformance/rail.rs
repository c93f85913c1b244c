//! What every [`Rail`] must do, whatever network it is for, and whether its wallets count their
//! transactions or are made of coins.
//!
//! Each case gets a network of its own from a harness, signs with the harness's signer, and asks
//! the harness, not the rail, what has arrived.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    BoxFuture, Timestamp,
    batch::{Attempt, AttemptStatus, Observation, SignedTx},
    catalog::{Asset, Destination, Network},
    chore::{Chore, TopUp},
    command::{Asked, CreatePayout},
    ids::{DialectId, LaneId, MerchantId, PayoutId},
    lane::Lane,
    money::Amount,
    payout::Payout,
    ports::{BuildError, Draft, Handover, HoldReason, Intent, Payment, Rail, Signer, UnsignedTx},
    quote::{FeeBearer, Quote},
};

/// A network that a test owns.
pub trait RailHarness: Send + Sync {
    /// The rail under test.
    fn rail(&self) -> &dyn Rail;
    /// A signer that has the lane's key.
    fn signer(&self) -> &dyn Signer;
    /// The network's row.
    fn network(&self) -> &Network;
    /// The asset to pay: the network's own coin.
    fn asset(&self) -> &Asset;
    /// A lane that can pay `100 * unit` and all fees, but not `1_000_000_000 * unit`.
    fn lane(&self) -> &Lane;
    /// An amount worth paying.
    fn unit(&self) -> Amount;
    /// An address of nobody in particular, another one for each number.
    fn destination(&self, number: u32) -> Destination;
    /// The address of another lane of ours, which the signer knows, and which holds nothing.
    fn lane_to_bring(&self) -> Destination {
        self.destination(u32::MAX)
    }
    /// Makes a block of what waits.
    fn mine(&self) -> BoxFuture<'_, ()>;
    /// How many blocks make a transaction that waits final.
    fn blocks_to_finality(&self) -> u32;
    /// Undoes the last block and forgets what was in it. `false` if the network cannot.
    fn undo_block(&self) -> BoxFuture<'_, bool>;
    /// Makes the network ask for so much that what was offered before is not enough. `false` if
    /// it cannot.
    fn raise_fees(&self) -> BoxFuture<'_, bool>;
    /// What an address has received in all, in blocks.
    fn received<'a>(&'a self, destination: &'a Destination) -> BoxFuture<'a, Amount>;
}

/// One requirement, tried on a network of its own.
pub type Case = for<'a> fn(&'a dyn RailHarness) -> BoxFuture<'a, ()>;

/// Every requirement, by name.
pub const CASES: &[(&str, Case)] = &[
    ("a payment becomes final and is charged for", |it| Box::pin(becomes_final(it))),
    ("making a transaction changes nothing", |it| Box::pin(making_changes_nothing(it))),
    ("handing over twice pays once", |it| Box::pin(twice_pays_once(it))),
    ("silence is not death", |it| Box::pin(silence_is_not_death(it))),
    ("an undone block is not the end", |it| Box::pin(undone_is_not_the_end(it))),
    ("a replacement excludes what it replaces", |it| Box::pin(replacement_excludes(it))),
    ("what the lane does not hold is waited for", |it| Box::pin(too_much_is_waited_for(it))),
    ("coins that are spoken for are left alone", |it| Box::pin(coins_are_reserved(it))),
    ("one transaction pays a whole batch", |it| Box::pin(a_batch_is_paid(it))),
    ("a lane brings another coins", |it| Box::pin(coins_are_brought(it))),
];

/// Tries every requirement; `make` gives a fresh network each time.
///
/// # Panics
/// If a requirement is not met. The name of the last one is the last line printed.
pub async fn run_all<'a>(make: &(dyn Fn() -> BoxFuture<'a, Box<dyn RailHarness>> + Sync)) {
    for (name, case) in CASES {
        println!("{name}");
        case(make().await.as_ref()).await;
    }
}

fn payout(harness: &dyn RailHarness, number: u32, amount: Amount) -> Payout {
    let quote = Quote {
        asked: amount,
        bearer: FeeBearer::Merchant,
        amount,
        service_fee: Amount::ZERO,
        network_fee: Amount::ZERO,
        usd: None,
        worth: None,
        conversions: vec![],
    };
    let (id, dialect) = (PayoutId(u128::from(number)), DialectId::new("plain"));
    let (asset, asked) = (harness.asset().id.clone(), Asked::Exact(amount));
    let destination = harness.destination(number);
    let address = destination.address.clone();
    let create = CreatePayout::new(id, MerchantId(1), dialect, asset, asked, address);
    Payout::new(&create, harness.network().id.clone(), destination, quote, Timestamp(0))
}

async fn build(
    harness: &dyn RailHarness,
    payouts: &[Payout],
    replaces: Option<&Attempt>,
) -> UnsignedTx {
    let draft = Draft { payouts, replaces, first: replaces, ..Draft::alone(harness.lane()) };
    harness.rail().build(draft).await.expect("a transaction can be made")
}

/// Makes and signs a transaction that does a chore.
async fn make_chore(harness: &dyn RailHarness, chore: &Chore) -> Attempt {
    let draft = Draft { chore: Some(chore), ..Draft::alone(harness.lane()) };
    let unsigned = harness.rail().build(draft).await.expect("a transaction can be made");
    let payment = |it: &TopUp| Payment {
        asset: harness.asset().clone(),
        destination: it.destination.clone(),
        amount: it.amount,
    };
    let intent = Intent {
        network: harness.network().clone(),
        payments: chore.top_up().map(payment).into_iter().collect(),
        chore: Some(chore.clone()),
        fee_max: unsigned.fee_max,
        sequence: unsigned.sequence,
        spends: unsigned.spends.clone(),
    };
    sign_for(harness, &unsigned, &intent).await
}

async fn sign(harness: &dyn RailHarness, payouts: &[Payout], unsigned: &UnsignedTx) -> Attempt {
    let payment = |it: &Payout| Payment {
        asset: harness.asset().clone(),
        destination: it.destination.clone(),
        amount: it.quote.amount,
    };
    let intent = Intent {
        network: harness.network().clone(),
        payments: payouts.iter().map(payment).collect(),
        chore: None,
        fee_max: unsigned.fee_max,
        sequence: unsigned.sequence,
        spends: unsigned.spends.clone(),
    };
    sign_for(harness, unsigned, &intent).await
}

async fn sign_for(harness: &dyn RailHarness, unsigned: &UnsignedTx, intent: &Intent) -> Attempt {
    let signature = harness.signer().sign(harness.lane(), unsigned, intent).await;
    let signature = signature.expect("the transaction does what it should");
    let tx = harness.rail().finalize(unsigned, &signature).expect("the signature fits");
    Attempt {
        tx,
        sequence: unsigned.sequence,
        fee_max: unsigned.fee_max,
        status: AttemptStatus::Signed,
        signed_at: Timestamp(0),
        fee: None,
        unpaid: vec![],
        spends: unsigned.spends.clone(),
    }
}

async fn make(harness: &dyn RailHarness, payouts: &[Payout]) -> Attempt {
    let unsigned = build(harness, payouts, None).await;
    sign(harness, payouts, &unsigned).await
}

async fn hand_over(harness: &dyn RailHarness, tx: &SignedTx) {
    let taken = harness.rail().broadcast(tx).await;
    assert_eq!(taken, Ok(Handover::Accepted));
}

async fn look(harness: &dyn RailHarness, attempts: &[Attempt]) -> Vec<Observation> {
    let seen = harness.rail().observe(harness.lane(), attempts, &[]).await.expect("it answers");
    assert_eq!(seen.len(), attempts.len(), "one answer for each attempt");
    seen
}

async fn finish(harness: &dyn RailHarness) {
    for _ in 0..harness.blocks_to_finality() {
        harness.mine().await;
    }
}

/// What the rail says a lane holds for good.
async fn holding(harness: &dyn RailHarness) -> Amount {
    let assets = [harness.asset().clone()];
    let found = harness.rail().holdings(harness.lane(), &assets).await.expect("it answers");
    assert_eq!(found.len(), 1);
    found[0].amount
}

/// The transaction is final; returns what was charged for it, which is within what was offered.
async fn fee_of(harness: &dyn RailHarness, attempt: &Attempt) -> Amount {
    let seen = look(harness, std::slice::from_ref(attempt)).await;
    let [Observation::Final { fee, unpaid }] = &seen[..] else {
        panic!("it is not final: {seen:?}")
    };
    assert!(unpaid.is_empty(), "it left out {unpaid:?}");
    let fee = *fee;
    assert!(fee <= attempt.fee_max, "{fee:?} was charged, {:?} offered", attempt.fee_max);
    fee
}

async fn becomes_final(harness: &dyn RailHarness) {
    let payouts = [payout(harness, 1, harness.unit())];
    let before = holding(harness).await;
    let attempt = make(harness, &payouts).await;
    hand_over(harness, &attempt.tx).await;
    harness.mine().await;
    let seen = look(harness, std::slice::from_ref(&attempt)).await;
    let included = matches!(seen[..], [Observation::InBlock | Observation::Final { .. }]);
    assert!(included, "it is in a block: {seen:?}");
    finish(harness).await;
    let fee = fee_of(harness, &attempt).await;
    assert_eq!(harness.received(&payouts[0].destination).await, harness.unit());
    let spent = before.checked_sub(holding(harness).await);
    assert_eq!(spent, harness.unit().checked_add(fee), "amount and fee are gone, nothing else");
}

async fn making_changes_nothing(harness: &dyn RailHarness) {
    let payouts = [payout(harness, 1, harness.unit())];
    let first = build(harness, &payouts, None).await;
    sign(harness, &payouts, &first).await;
    let second = build(harness, &payouts, None).await;
    assert_eq!(first.sequence, second.sequence);
    assert_eq!(first.spends, second.spends);
    assert!(first.sequence.is_none_or(|it| it >= harness.lane().next_sequence));
    assert_ne!(first.sequence.is_none(), first.spends.is_empty(), "either numbers or coins");
    finish(harness).await;
    assert_eq!(harness.received(&payouts[0].destination).await, Amount::ZERO);
}

async fn twice_pays_once(harness: &dyn RailHarness) {
    let payouts = [payout(harness, 1, harness.unit())];
    let attempt = make(harness, &payouts).await;
    hand_over(harness, &attempt.tx).await;
    hand_over(harness, &attempt.tx).await;
    finish(harness).await;
    // A node may well say that it is too late for it; it must not pay again.
    let _ = harness.rail().broadcast(&attempt.tx).await;
    finish(harness).await;
    fee_of(harness, &attempt).await;
    assert_eq!(harness.received(&payouts[0].destination).await, harness.unit());
}

async fn silence_is_not_death(harness: &dyn RailHarness) {
    let payouts = [payout(harness, 1, harness.unit())];
    let attempt = make(harness, &payouts).await;
    finish(harness).await;
    assert_eq!(look(harness, &[attempt]).await, [Observation::Missing]);
}

async fn undone_is_not_the_end(harness: &dyn RailHarness) {
    let payouts = [payout(harness, 1, harness.unit())];
    let attempt = make(harness, &payouts).await;
    hand_over(harness, &attempt.tx).await;
    harness.mine().await;
    if !harness.undo_block().await {
        return;
    }
    let seen = look(harness, std::slice::from_ref(&attempt)).await;
    let open = matches!(seen[..], [Observation::Missing | Observation::Pending]);
    assert!(open, "its block was undone: {seen:?}");
    hand_over(harness, &attempt.tx).await;
    finish(harness).await;
    fee_of(harness, &attempt).await;
    assert_eq!(harness.received(&payouts[0].destination).await, harness.unit());
}

async fn replacement_excludes(harness: &dyn RailHarness) {
    let payouts = [payout(harness, 1, harness.unit())];
    let first = make(harness, &payouts).await;
    hand_over(harness, &first.tx).await;
    if harness.rail().profile().replace_after_ms.is_none() || !harness.raise_fees().await {
        return;
    }
    let unsigned = build(harness, &payouts, Some(&first)).await;
    assert_eq!(unsigned.sequence, first.sequence);
    assert!(first.spends.iter().all(|it| unsigned.spends.contains(it)), "coins in common");
    assert!(unsigned.fee_max > first.fee_max);
    let second = sign(harness, &payouts, &unsigned).await;
    hand_over(harness, &second.tx).await;
    finish(harness).await;
    fee_of(harness, &second).await;
    let seen = look(harness, &[first, second]).await;
    assert_eq!(seen[0], Observation::Dead, "the other one is final");
    assert_eq!(harness.received(&payouts[0].destination).await, harness.unit());
}

async fn too_much_is_waited_for(harness: &dyn RailHarness) {
    let units = harness.unit().units().checked_mul(1_000_000_000);
    let amount = units.and_then(Amount::from_units).expect("the harness's unit is small");
    let payouts = [payout(harness, 1, amount)];
    let draft = Draft { payouts: &payouts, ..Draft::alone(harness.lane()) };
    let Err(BuildError::Hold(hold)) = harness.rail().build(draft).await else {
        panic!("a transaction was made of coins that are not there");
    };
    let is_too_much = matches!(hold.reason, HoldReason::AwaitingFunds | HoldReason::MoreThanHeld);
    assert!(is_too_much, "{:?}", hold.reason);
}

/// What another transaction of the lane spends is left alone, whether the network knows it or not.
async fn coins_are_reserved(harness: &dyn RailHarness) {
    let payouts = [payout(harness, 1, harness.unit()), payout(harness, 2, harness.unit())];
    let first = build(harness, &payouts[..1], None).await;
    let spent: BTreeSet<_> = first.spends.iter().cloned().collect();
    if spent.is_empty() {
        return;
    }
    let payouts = &payouts[1..];
    let draft = Draft { payouts, spent: &spent, ..Draft::alone(harness.lane()) };
    match harness.rail().build(draft).await {
        Ok(second) => assert!(second.spends.iter().all(|it| !spent.contains(it))),
        Err(BuildError::Hold(hold)) => assert_eq!(hold.reason, HoldReason::AwaitingFunds),
        Err(other) => panic!("{other:?}"),
    }
}

async fn a_batch_is_paid(harness: &dyn RailHarness) {
    let count = harness.rail().profile().batch_max.clamp(1, 5);
    let payouts: Vec<Payout> = (1..=count).map(|it| payout(harness, it, harness.unit())).collect();
    let attempt = make(harness, &payouts).await;
    hand_over(harness, &attempt.tx).await;
    finish(harness).await;
    fee_of(harness, &attempt).await;
    let mut received = BTreeMap::new();
    for it in &payouts {
        received.insert(it.id, harness.received(&it.destination).await);
    }
    assert!(received.values().all(|it| *it == harness.unit()), "{received:?}");
}

async fn coins_are_brought(harness: &dyn RailHarness) {
    let destination = harness.lane_to_bring();
    let chore = Chore::TopUp(TopUp {
        to: LaneId::new("another lane"),
        destination: destination.clone(),
        asset: harness.asset().id.clone(),
        amount: harness.unit(),
    });
    let attempt = make_chore(harness, &chore).await;
    assert_eq!(harness.received(&destination).await, Amount::ZERO);
    hand_over(harness, &attempt.tx).await;
    finish(harness).await;
    fee_of(harness, &attempt).await;
    assert_eq!(harness.received(&destination).await, harness.unit());
}
