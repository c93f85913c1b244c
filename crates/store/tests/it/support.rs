//! A small history to write, and ways to look at a file behind the store's back.

use std::path::Path;

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
    ledger::{LedgerAccount, fund},
    merchant::{ApiKey, Merchant, Sealed},
    money::{Amount, Rate},
    payout::{Payout, PayoutState, Priority, Stage, Status, Webhook},
    ports::{ChangeSet, Claim, ClaimScope, CommitError, Store},
    quote::{FeeBearer, Quote},
    rates::Priced,
};
use rusqlite::Connection;
use sim::conformance::ready;

pub(crate) fn lane(version: u64) -> Lane {
    Lane {
        id: LaneId::new("net/hot"),
        network: NetworkId::new("net"),
        address: "address".to_owned(),
        key_path: "m/0".to_owned(),
        next_sequence: version,
        version,
    }
}

pub(crate) fn amount(units: u128) -> Amount {
    Amount::from_units(units).expect("a small amount")
}

pub(crate) fn asset() -> AssetId {
    AssetId::new("COIN@net")
}

/// One step of a history that can be counted: the lane's version, one posting, one claim.
pub(crate) fn step(version: u64) -> ChangeSet {
    let lane = lane(version);
    let note = format!("step {version}");
    let owner = LedgerAccount::Inventory;
    let at = Timestamp(version);
    let claim = Claim { scope: ClaimScope::Nonce, owner: 1, text: version.to_string() };
    ChangeSet {
        postings: fund(&lane.id, &asset(), owner, amount(10), note, at),
        claims: vec![(claim, None)],
        lanes: vec![lane],
        ..ChangeSet::default()
    }
}

/// How far the history has come, after checking that every step is there as a whole.
#[track_caller]
pub(crate) fn steps(store: &dyn Store) -> u64 {
    let lanes = ready(store.lanes()).expect("reachable");
    let version = lanes.first().map_or(0, |it| it.version);
    let postings =
        ready(store.postings(&LedgerAccount::Inventory, &asset(), 1_000)).expect("reachable");
    assert_eq!(postings.len() as u64, version);
    let balances = ready(store.balances()).expect("reachable");
    let units = |account: &LedgerAccount| {
        balances.iter().find(|it| it.account == *account).map_or(0, |it| it.units)
    };
    assert_eq!(units(&LedgerAccount::Inventory), i128::from(version) * 10);
    assert_eq!(units(&LedgerAccount::HotWallet(lane(1).id)), i128::from(version) * -10);
    for number in 1..=version {
        let again = ChangeSet { claims: step(number).claims, ..ChangeSet::default() };
        assert_eq!(ready(store.commit(again)), Err(CommitError::Conflict), "claim {number}");
    }
    version
}

#[track_caller]
pub(crate) fn write(store: &dyn Store, change: ChangeSet) {
    assert_eq!(ready(store.commit(change)), Ok(()));
}

/// The file as anybody who can open it sees it.
pub(crate) fn raw(path: &Path) -> Connection {
    Connection::open(path).expect("the file is there")
}

pub(crate) fn payout() -> Payout {
    Payout {
        id: PayoutId(1),
        public_id: "INV-1".to_owned(),
        merchant: MerchantId(1),
        dialect: DialectId::new("native"),
        key: Some(KeyId(1)),
        merchant_ref: Some("order 1".to_owned()),
        network: NetworkId::new("net"),
        asset: asset(),
        destination: Destination { address: "recipient".to_owned(), memo: None },
        quote: Quote {
            asked: amount(100),
            bearer: FeeBearer::Merchant,
            amount: amount(100),
            service_fee: amount(1),
            network_fee: amount(2),
            usd: Rate::parse("1.5").map(|usd| Priced {
                usd,
                source: "fixed".to_owned(),
                at: Timestamp(1),
            }),
            worth: None,
            conversions: vec![],
        },
        priority: Priority::default(),
        content: "exact 1".to_owned(),
        travels_alone: false,
        approval: None,
        webhook: Some(Webhook { url: "https://m.example".to_owned(), on: vec![Status::Paid] }),
        note: String::new(),
        state: PayoutState::Sending {
            batch: BatchId(1),
            stage: Stage::Signed,
            txid: Some(TxId::new("tx")),
        },
        delivery_count: 1,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
        version: 1,
    }
}

pub(crate) fn batch() -> Batch {
    let payouts = vec![PayoutId(1)];
    let mut batch =
        Batch::new(BatchId(1), NetworkId::new("net"), lane(1).id, payouts, Timestamp(1));
    batch.attempts.push(Attempt {
        tx: SignedTx { txid: TxId::new("tx"), raw: vec![1, 2, 3] },
        sequence: Some(1),
        fee_max: amount(5),
        status: AttemptStatus::Signed,
        signed_at: Timestamp(1),
        fee: None,
        unpaid: vec![],
        spends: vec![],
    });
    batch
}

/// One of everything.
pub(crate) fn everything() -> ChangeSet {
    let mut change = step(1);
    change.merchants.push(Merchant {
        id: MerchantId(1),
        name: "first".to_owned(),
        webhook_url: None,
        paused: false,
        created_at: Timestamp(1),
        version: 1,
    });
    change.keys.push(ApiKey {
        id: KeyId(1),
        merchant: MerchantId(1),
        dialect: DialectId::new("native"),
        role: "payout".to_owned(),
        lookup: "lookup".to_owned(),
        secret: Sealed(vec![1]),
        lenient_nonce: false,
        created_at: Timestamp(1),
        revoked_at: None,
        version: 1,
    });
    change.payouts.push(payout());
    change.batches.push(batch());
    change.deliveries.push(Delivery {
        id: DeliveryId { payout: PayoutId(1), number: 0 },
        url: "https://m.example".to_owned(),
        status: Status::Sending,
        txid: None,
        occurred_at: Timestamp(1),
        state: DeliveryState::Due,
        tries: 0,
        due_at: Timestamp(1),
        last_result: String::new(),
        body: vec![],
        version: 1,
    });
    change.events.push(Event {
        payout: PayoutId(1),
        at: Timestamp(1),
        kind: EventKind::Accepted,
        detail: String::new(),
    });
    change
}
