//! Records to try a store with.

use std::collections::BTreeMap;

use domain::{
    Timestamp,
    batch::{Attempt, AttemptStatus, Batch, SignedTx},
    catalog::Destination,
    delivery::{Delivery, DeliveryState},
    event::{Event, EventKind},
    ids::{
        AssetId, BatchId, DeliveryId, DialectId, KeyId, LaneId, MerchantId, NetworkId, PayoutId,
        TxId,
    },
    lane::Lane,
    ledger::{LedgerAccount, Posting, fund},
    merchant::{ApiKey, Merchant, Sealed},
    money::Amount,
    payout::{Payout, PayoutState, Priority, Stage, Status, Webhook},
    ports::{
        AcceptNeeds, AcceptView, Balance, ChangeSet, CommitError, LaneView, PageQuery, PayoutKey,
        PayoutView, Store,
    },
    quote::{FeeBearer, Quote},
};

use crate::conformance::ready;

/// The merchant that most records belong to.
pub(super) const MERCHANT: MerchantId = MerchantId(0x0193_0000_0000_7000_8000_0000_0000_0001);

/// The credential that most payouts are asked for with.
pub(super) const KEY: KeyId = KeyId(0x0193_0000_0000_7000_8000_0000_0000_0002);

pub(super) fn amount(units: u128) -> Amount {
    Amount::from_units(units).expect("a test's amount fits")
}

pub(super) fn asset() -> AssetId {
    AssetId::new("COIN@net")
}

pub(super) fn lane_id() -> LaneId {
    LaneId::new("net/hot")
}

pub(super) fn merchant(id: MerchantId, name: &str) -> Merchant {
    Merchant {
        id,
        name: name.to_owned(),
        webhook_url: Some("https://merchant.example/hook".to_owned()),
        paused: false,
        created_at: Timestamp(1),
        version: 1,
    }
}

pub(super) fn key(id: KeyId, merchant: MerchantId) -> ApiKey {
    ApiKey {
        id,
        merchant,
        dialect: DialectId::new("native"),
        role: "payout".to_owned(),
        lookup: format!("public key of {id}"),
        secret: Sealed(vec![0, 255, 10, 13]),
        lenient_nonce: false,
        created_at: Timestamp(2),
        revoked_at: None,
        version: 1,
    }
}

pub(super) fn lane(name: &str) -> Lane {
    let (network, _) = name.split_once('/').expect("a lane is named network/name");
    Lane {
        id: LaneId::new(name),
        network: NetworkId::new(network),
        address: format!("address of {name}"),
        key_path: "m/84'/0'/0'/0/0".to_owned(),
        next_sequence: 0,
        version: 1,
    }
}

pub(super) fn payout(number: u128) -> Payout {
    Payout {
        id: PayoutId(number),
        public_id: format!("INV-{number}"),
        merchant: MERCHANT,
        dialect: DialectId::new("native"),
        key: Some(KEY),
        merchant_ref: Some(format!("order {number}")),
        network: NetworkId::new("net"),
        asset: asset(),
        destination: Destination { address: "recipient".to_owned(), memo: None },
        quote: Quote {
            asked: amount(100),
            bearer: FeeBearer::Merchant,
            amount: amount(100),
            service_fee: amount(3),
            network_fee: amount(7),
            usd: None,
            worth: None,
            conversions: vec![],
        },
        priority: Priority::default(),
        content: "exact 100".to_owned(),
        travels_alone: false,
        approval: None,
        webhook: Some(Webhook {
            url: "https://merchant.example/payout".to_owned(),
            on: vec![Status::Paid, Status::Failed],
        }),
        note: "{}".to_owned(),
        state: PayoutState::Queued,
        delivery_count: 0,
        created_at: Timestamp(1_000),
        updated_at: Timestamp(1_000),
        version: 1,
    }
}

pub(super) fn sending(number: u128, batch: u128, stage: Stage) -> Payout {
    let state = PayoutState::Sending { batch: BatchId(batch), stage, txid: None };
    Payout { state, ..payout(number) }
}

pub(super) fn batch(number: u128, payouts: &[u128]) -> Batch {
    let payouts = payouts.iter().copied().map(PayoutId).collect();
    Batch::new(BatchId(number), NetworkId::new("net"), lane_id(), payouts, Timestamp(500))
}

pub(super) fn attempt(number: u8) -> Attempt {
    Attempt {
        tx: SignedTx { txid: TxId::new(&format!("tx{number}")), raw: vec![number, 0, 255] },
        sequence: Some(u64::from(number)),
        fee_max: amount(9),
        status: AttemptStatus::Signed,
        signed_at: Timestamp(600),
        fee: None,
        unpaid: vec![],
        spends: vec![],
    }
}

pub(super) fn delivery(payout: u128, number: u16) -> Delivery {
    Delivery {
        id: DeliveryId { payout: PayoutId(payout), number },
        url: "https://merchant.example/payout".to_owned(),
        status: Status::Paid,
        txid: None,
        occurred_at: Timestamp(700),
        state: DeliveryState::Due,
        tries: 0,
        due_at: Timestamp(700),
        last_result: String::new(),
        body: vec![],
        version: 1,
    }
}

pub(super) fn event(payout: u128, kind: EventKind, detail: &str) -> Event {
    Event { payout: PayoutId(payout), at: Timestamp(800), kind, detail: detail.to_owned() }
}

/// Coins that arrived and belong to `owner`.
pub(super) fn funding(owner: LedgerAccount, units: u128) -> Vec<Posting> {
    fund(&lane_id(), &asset(), owner, amount(units), "test".to_owned(), Timestamp(5))
}

pub(super) fn change(fill: impl FnOnce(&mut ChangeSet)) -> ChangeSet {
    let mut change = ChangeSet::default();
    fill(&mut change);
    change
}

pub(super) fn commit(
    store: &dyn Store,
    fill: impl FnOnce(&mut ChangeSet),
) -> Result<(), CommitError> {
    ready(store.commit(change(fill)))
}

/// Commits what must be taken.
#[track_caller]
pub(super) fn write(store: &dyn Store, fill: impl FnOnce(&mut ChangeSet)) {
    assert_eq!(commit(store, fill), Ok(()));
}

/// A merchant with a credential, and a lane: what other records point at.
#[track_caller]
pub(super) fn furnish(store: &dyn Store) {
    write(store, |it| {
        it.merchants.push(merchant(MERCHANT, "first"));
        it.keys.push(key(KEY, MERCHANT));
        it.lanes.push(lane("net/hot"));
    });
}

/// Loads what `needs` names and writes nothing.
#[track_caller]
pub(super) fn look(store: &dyn Store, needs: &AcceptNeeds) -> AcceptView {
    let mut seen = None;
    let mut decide = |view| {
        seen = Some(view);
        ChangeSet::default()
    };
    assert_eq!(ready(store.accept(needs, &mut decide)), Ok(()));
    seen.expect("accept asks for a decision")
}

#[track_caller]
pub(super) fn find(store: &dyn Store, number: u128) -> PayoutView {
    let found = ready(store.find_payout(&PayoutKey::Id(PayoutId(number))));
    found.expect("reachable").expect("the payout is there")
}

/// All balances, in a fixed order.
pub(super) fn balances(store: &dyn Store) -> BTreeMap<(LedgerAccount, AssetId), i128> {
    let list = ready(store.balances()).expect("reachable");
    let count = list.len();
    let turn = |it: Balance| ((it.account, it.asset), it.units);
    let balances: BTreeMap<_, _> = list.into_iter().map(turn).collect();
    assert_eq!(balances.len(), count, "an account and asset is listed once");
    balances
}

/// The balance of one account in the test's asset.
pub(super) fn units(store: &dyn Store, account: LedgerAccount) -> i128 {
    balances(store).get(&(account, asset())).copied().unwrap_or(0)
}

/// All that a store can tell about the records of this file, to see that nothing changed.
#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    merchants: Vec<Merchant>,
    keys: Vec<ApiKey>,
    lanes: Vec<Option<LaneView>>,
    payouts: Vec<PayoutView>,
    balances: BTreeMap<(LedgerAccount, AssetId), i128>,
    counts: BTreeMap<String, u64>,
    postings: Vec<Posting>,
    accept: AcceptView,
}

/// Takes a snapshot; `needs` names the claims and such that are of interest.
pub(super) fn snapshot(store: &dyn Store, needs: &AcceptNeeds) -> Snapshot {
    let merchants = ready(store.merchants()).expect("reachable");
    let keys = merchants.iter().flat_map(|it| ready(store.keys_of(it.id)).expect("reachable"));
    let lanes = ready(store.lanes()).expect("reachable");
    let lanes = lanes.iter().map(|it| ready(store.load_lane(&it.id, 99)).expect("reachable"));
    let query = PageQuery { count_max: 99, ..PageQuery::default() };
    let payouts = ready(store.page(&query)).expect("reachable");
    let wallet = LedgerAccount::HotWallet(lane_id());
    Snapshot {
        keys: keys.collect(),
        lanes: lanes.collect(),
        payouts: payouts.iter().map(|it| find(store, it.id.0)).collect(),
        balances: balances(store),
        counts: ready(store.counts()).expect("reachable"),
        postings: ready(store.postings(&wallet, &asset(), 99)).expect("reachable"),
        accept: look(store, needs),
        merchants,
    }
}
