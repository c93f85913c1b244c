//! Every kind of record, with every variant and the largest values, comes back as it was.

use domain::{
    Timestamp,
    batch::{AttemptStatus, Batch},
    catalog::Destination,
    chore::{Chore, TopUp},
    delivery::DeliveryState,
    event::EventKind,
    ids::{AssetId, BatchId, DialectId, KeyId, LaneId, MerchantId, NetworkId, PayoutId, TxId},
    ledger::{Cause, LedgerAccount, Posting},
    merchant::Sealed,
    money::{Amount, Decimal, Rate},
    payout::{
        Approval, Failure, FailureCode, Payout, PayoutState, Priority, Stage, Status, Verdict,
        Webhook,
    },
    ports::{AcceptNeeds, Claim, ClaimScope, Hold, HoldReason, PayoutKey, Store},
    quote::{Conversion, FeeBearer, Quote, Worth},
    rates::Priced,
};

use super::fixtures::{
    KEY, MERCHANT, amount, asset, attempt, batch, commit, delivery, event, find, furnish, key,
    lane, lane_id, look, merchant, payout, write,
};
use crate::conformance::ready;

pub(super) fn merchants(store: &dyn Store) {
    let mut it = merchant(MerchantId(u128::MAX), "the last");
    it.created_at = Timestamp::NEVER;
    write(store, |change| change.merchants.push(it.clone()));
    assert_eq!(ready(store.merchant(it.id)), Ok(Some(it.clone())));
    it.name = "renamed".into();
    it.webhook_url = None;
    it.paused = true;
    it.version = 2;
    write(store, |change| change.merchants.push(it.clone()));
    assert_eq!(ready(store.merchant(it.id)), Ok(Some(it.clone())));
    assert_eq!(ready(store.merchants()), Ok(vec![it]));
}

pub(super) fn keys(store: &dyn Store) {
    let mut it = key(KeyId(u128::MAX), MERCHANT);
    it.secret = Sealed((0..=255).collect());
    write(store, |change| {
        change.keys.push(it.clone());
        change.merchants.push(merchant(MERCHANT, "first"));
    });
    assert_eq!(ready(store.key(it.id)), Ok(Some(it.clone())));
    it.dialect = DialectId::new("other");
    it.role = String::new();
    it.lookup = String::new();
    it.secret = Sealed(vec![]);
    it.lenient_nonce = true;
    it.revoked_at = Some(Timestamp(0));
    it.version = 2;
    write(store, |change| change.keys.push(it.clone()));
    assert_eq!(ready(store.key(it.id)), Ok(Some(it.clone())));
    assert_eq!(ready(store.keys_of(MERCHANT)), Ok(vec![it]));
}

pub(super) fn lanes(store: &dyn Store) {
    let mut it = lane("net/hot");
    write(store, |change| change.lanes.push(it.clone()));
    for next_sequence in [1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        it.next_sequence = next_sequence;
        it.address.push('x');
        it.key_path.push('x');
        it.version += 1;
        write(store, |change| change.lanes.push(it.clone()));
        let loaded = ready(store.load_lane(&it.id, 1)).expect("reachable");
        assert_eq!(loaded.map(|it| it.lane), Some(it.clone()));
        assert_eq!(ready(store.lanes()), Ok(vec![it.clone()]));
    }
}

/// Every shape that a payout's state can have.
fn states() -> Vec<PayoutState> {
    let txid = || TxId::new("TxId in Its Own Spelling");
    let mut states = vec![PayoutState::Queued];
    for stage in [Stage::Preparing, Stage::Signed, Stage::Broadcast, Stage::InBlock] {
        for txid in [None, Some(txid())] {
            states.push(PayoutState::Sending { batch: BatchId(77), stage, txid });
        }
    }
    for code in [FailureCode::RefusedByNetwork, FailureCode::RefusedBySigner] {
        for txid in [None, Some(txid())] {
            let failure = Failure { code, detail: format!("{code:?}") };
            states.push(PayoutState::Failed { failure, txid });
        }
    }
    states.push(PayoutState::Paid { txid: txid(), at: Timestamp::NEVER });
    states.push(PayoutState::Cancelled);
    states
}

pub(super) fn payouts(store: &dyn Store) {
    furnish(store);
    let mut it = payout(u128::MAX);
    write(store, |change| {
        change.payouts.push(it.clone());
        change.batches.push(batch(77, &[u128::MAX]));
    });
    assert_eq!(find(store, it.id.0).payout, it);
    for state in states() {
        it.state = state;
        it.updated_at.0 += 1;
        it.version += 1;
        write(store, |change| change.payouts.push(it.clone()));
        assert_eq!(find(store, it.id.0).payout, it);
    }
    let bare = Payout {
        key: None,
        merchant_ref: None,
        webhook: None,
        delivery_count: u16::MAX,
        created_at: Timestamp::NEVER,
        note: String::new(),
        ..payout(0)
    };
    write(store, |change| change.payouts.push(bare.clone()));
    assert_eq!(find(store, 0).payout, bare);
    for (number, on) in [(1, vec![]), (2, Status::ALL.to_vec()), (3, vec![Status::Paid; 2])] {
        let mut it = payout(number);
        it.webhook = Some(Webhook { url: String::new(), on });
        it.destination.memo = Some(String::new());
        write(store, |change| change.payouts.push(it.clone()));
        assert_eq!(find(store, number).payout, it);
    }
}

pub(super) fn quotes(store: &dyn Store) {
    furnish(store);
    let rate = |text| {
        let (usd, source) = (Rate::parse(text).expect("a rate"), "somewhere".to_owned());
        Some(Priced { usd, source, at: Timestamp(5) })
    };
    let (max, zero) = (Amount::MAX, Amount::ZERO);
    let almost = amount(max.units() - 3);
    let quotes = [
        (max, FeeBearer::Merchant, max, zero, zero, rate("999999999999999999")),
        (max, FeeBearer::Recipient, almost, amount(1), amount(2), rate("0.000000000000000001")),
        (zero, FeeBearer::Recipient, zero, max, zero, rate("1")),
        (amount(1 << 63), FeeBearer::Merchant, zero, zero, max, None),
        (amount(u128::from(u64::MAX)), FeeBearer::Merchant, amount(1 << 53), zero, zero, None),
    ];
    for (number, quote) in (1..).zip(quotes) {
        let (asked, bearer, amount, service_fee, network_fee, usd) = quote;
        let mut it = payout(number);
        let fees = (service_fee, network_fee);
        it.quote = Quote { asked, bearer, amount, usd, ..it.quote };
        (it.quote.service_fee, it.quote.network_fee) = fees;
        write(store, |change| change.payouts.push(it.clone()));
        assert_eq!(find(store, number).payout, it);
    }
}

pub(super) fn conversions(store: &dyn Store) {
    furnish(store);
    let price = |usd, at| Priced {
        usd: Rate::parse(usd).expect("a rate"),
        source: "some where\u{2028}else".to_owned(),
        at,
    };
    let sold = |from, bought, price| Conversion {
        from: AssetId::new(from),
        cost: Amount::MAX,
        insurance: Amount::ZERO,
        bought: amount(bought),
        price,
    };
    let mut it = payout(1);
    it.quote.worth = Some(Worth {
        currency: "EUR".to_owned(),
        amount: Decimal::parse("5500.000000000000000000000000000001").expect("a decimal"),
        price: price("1.08", Timestamp::NEVER),
    });
    it.quote.conversions = vec![
        sold("A@net", 1, Some(price("0.000000000000000001", Timestamp(0)))),
        sold("B@net", 100, None),
    ];
    "exact 1 \n from here".clone_into(&mut it.content);
    write(store, |change| change.payouts.push(it.clone()));
    assert_eq!(find(store, 1).payout, it);
    it.quote.conversions[1].bought = Amount::MAX;
    (it.id, it.public_id, it.merchant_ref) = (PayoutId(2), "INV-2".to_owned(), None);
    let too_much = commit(store, |change| change.payouts.push(it.clone()));
    assert!(too_much.is_err(), "more is bought than the price");
}

pub(super) fn approvals(store: &dyn Store) {
    furnish(store);
    let verdict = |approve, key| Verdict {
        approve,
        key,
        key_public: "pub==".to_owned(),
        ip: "::1".to_owned(),
        user_agent: String::new(),
        at: Timestamp(9),
    };
    let approvals = [
        (None, None),
        (Some("https://merchant.example/approve"), Some(verdict(true, Some(KEY)))),
        (Some(""), Some(verdict(false, None))),
    ];
    for ((number, priority), (url, verdict)) in (1..).zip(Priority::ALL).zip(approvals) {
        let mut it = payout(number);
        it.state = PayoutState::AwaitingApproval;
        it.priority = priority;
        let until = Timestamp(1_000 * u64::try_from(number).expect("a small number"));
        it.approval = Some(Approval { url: url.map(str::to_owned), until, verdict });
        write(store, |change| change.payouts.push(it.clone()));
        assert_eq!(find(store, number).payout, it);
    }
    let expired = |now, count_max| {
        ready(store.expired_approvals(Timestamp(now), count_max)).expect("reachable")
    };
    assert_eq!(expired(1_000, 9), []);
    assert_eq!(expired(2_001, 9), [PayoutId(1), PayoutId(2)]);
    assert_eq!(expired(9_999, 1), [PayoutId(1)]);
    let mut judged = find(store, 1).payout;
    judged.state = PayoutState::Queued;
    judged.version += 1;
    write(store, |change| change.payouts.push(judged));
    assert_eq!(expired(2_001, 9), [PayoutId(2)]);
}

pub(super) fn batches(store: &dyn Store) {
    furnish(store);
    let mut it = batch(u128::MAX, &[3, 1, 2]);
    write(store, |change| {
        change.batches.push(it.clone());
        change.payouts.extend([payout(1), payout(2), payout(3)]);
    });
    let check = |it: &domain::batch::Batch| {
        let loaded = ready(store.load_batch(it.id)).expect("reachable");
        assert_eq!(loaded.batch, *it);
    };
    check(&it);
    let reasons = [
        HoldReason::AwaitingFunds,
        HoldReason::AwaitingGas,
        HoldReason::FeeAboveCap,
        HoldReason::SignerRefused,
        HoldReason::NotRelayed,
        HoldReason::NotEstimated,
        HoldReason::FeesUnknown,
        HoldReason::MoreThanHeld,
        HoldReason::KeyUsedElsewhere,
        HoldReason::NodesDisagree,
        HoldReason::AssetStopped,
    ];
    for reason in reasons {
        it.hold = Some(Hold { reason, detail: format!("{reason:?}") });
        it.version += 1;
        write(store, |change| change.batches.push(it.clone()));
        check(&it);
    }
    for code in [FailureCode::RefusedByNetwork, FailureCode::RefusedBySigner] {
        it.given_up = Some(Failure { code, detail: format!("{code:?}") });
        it.version += 1;
        write(store, |change| change.batches.push(it.clone()));
        check(&it);
    }
    it.hold = None;
    it.closed = true;
    it.due_at = Timestamp::NEVER;
    it.replace_at = Timestamp(0);
    it.version += 1;
    write(store, |change| change.batches.push(it.clone()));
    check(&it);
}

pub(super) fn chores(store: &dyn Store) {
    furnish(store);
    let destination = |memo: Option<&str>| Destination {
        address: "our-other-wallet".to_owned(),
        memo: memo.map(str::to_owned),
    };
    let top_up = |memo| {
        let (to, asset, amount) = (LaneId::new("net/other"), asset(), Amount::MAX);
        Chore::TopUp(TopUp { to, destination: destination(memo), asset, amount })
    };
    let chores = [
        Chore::Fill { sequence: 0 },
        Chore::Fill { sequence: u64::MAX },
        top_up(None),
        top_up(Some("two words, \u{44f}")),
        Chore::Prepare("one step".to_owned()),
    ];
    for (number, chore) in (1..).zip(chores) {
        let (id, network) = (BatchId(number), NetworkId::new("net"));
        let it = Batch::of_chore(id, network, lane_id(), chore, Timestamp(500));
        write(store, |change| change.batches.push(it.clone()));
        assert_eq!(ready(store.load_batch(it.id)).expect("reachable").batch, it);
    }
}

pub(super) fn attempts(store: &dyn Store) {
    furnish(store);
    let mut it = batch(1, &[1]);
    write(store, |change| {
        change.payouts.push(payout(1));
        change.batches.push(it.clone());
    });
    let statuses = [
        AttemptStatus::Signed,
        AttemptStatus::Broadcast,
        AttemptStatus::InBlock,
        AttemptStatus::Final,
        AttemptStatus::Reverted,
        AttemptStatus::Dead,
    ];
    for (number, status) in (0u8..).zip(statuses) {
        let mut signed = attempt(number);
        signed.tx.raw = (0..=255).cycle().take(usize::from(number) * 300).collect();
        signed.sequence = [None, Some(0), Some(u64::MAX)][usize::from(number % 3)];
        signed.fee_max = [Amount::ZERO, Amount::MAX][usize::from(number % 2)];
        it.attempts.push(signed);
        it.version += 1;
        write(store, |change| change.batches.push(it.clone()));
        assert_eq!(ready(store.load_batch(it.id)).expect("reachable").batch, it);
        let last = it.attempts.last_mut().expect("one was pushed");
        last.status = status;
        let unpaid: [&[u32]; 3] = [&[], &[0], &[1, 7, u32::MAX]];
        last.unpaid = unpaid[usize::from(number % 3)].to_vec();
        last.fee = [None, Some(Amount::ZERO), Some(Amount::MAX)][usize::from(number % 3)];
        it.version += 1;
        write(store, |change| change.batches.push(it.clone()));
        assert_eq!(ready(store.load_batch(it.id)).expect("reachable").batch, it);
    }
}

pub(super) fn deliveries(store: &dyn Store) {
    furnish(store);
    write(store, |change| change.payouts.push(payout(1)));
    let states = [DeliveryState::Due, DeliveryState::Delivered, DeliveryState::GivenUp];
    for (number, status) in (0..).zip(Status::ALL) {
        let mut it = delivery(1, number);
        it.status = status;
        write(store, |change| change.deliveries.push(it.clone()));
        for state in states {
            it.state = state;
            it.txid = Some(TxId::new("tx"));
            it.tries = u16::MAX - it.tries;
            it.due_at = Timestamp::NEVER;
            it.last_result = format!("{state:?}");
            it.body = (0..=255).collect();
            it.version += 1;
            write(store, |change| change.deliveries.push(it.clone()));
            assert_eq!(ready(store.load_delivery(it.id)).expect("reachable").delivery, it);
        }
    }
    let last = delivery(1, u16::MAX);
    write(store, |change| change.deliveries.push(last.clone()));
    assert_eq!(find(store, 1).deliveries.last(), Some(&last));
}

pub(super) fn events(store: &dyn Store) {
    furnish(store);
    write(store, |change| change.payouts.push(payout(1)));
    let mut told = vec![];
    for kind in EventKind::ALL {
        let mut it = event(1, *kind, &format!("{kind:?}"));
        // Later ones may carry an earlier moment: clocks are set back.
        it.at = Timestamp(Timestamp::NEVER.0 - u64::try_from(told.len()).expect("few"));
        told.push(it.clone());
        write(store, |change| change.events.push(it));
    }
    let twice = event(1, EventKind::Held, "twice");
    told.extend([twice.clone(), twice.clone()]);
    write(store, |change| change.events.extend([twice.clone(), twice]));
    assert_eq!(find(store, 1).events, told);
}

pub(super) fn postings(store: &dyn Store) {
    let accounts = [
        LedgerAccount::Available(MerchantId(u128::MAX)),
        LedgerAccount::Reserved(MerchantId(0)),
        LedgerAccount::Inventory,
        LedgerAccount::HotWallet(LaneId::new("net/other:1")),
        LedgerAccount::ServiceFee,
        LedgerAccount::NetworkFeeCharged,
        LedgerAccount::NetworkFee,
    ];
    let causes = [
        Cause::Payout(PayoutId(u128::MAX)),
        Cause::Batch(BatchId(0)),
        Cause::Carriage(BatchId(7), PayoutId(u128::MAX)),
        Cause::Manual("Ann: opening balance".to_owned()),
        Cause::Manual(String::new()),
    ];
    for (number, account) in (0u64..).zip(accounts) {
        let asset = AssetId::new(&format!("ASSET{number}@net"));
        let mut written = vec![];
        for (at, cause) in (number..).zip(causes.clone()) {
            let amount = if written.is_empty() { Amount::MAX } else { Amount::ZERO };
            written.push(Posting {
                at: Timestamp(at),
                cause,
                asset: asset.clone(),
                debit: LedgerAccount::Suspense,
                credit: account.clone(),
                amount,
            });
        }
        write(store, |change| change.postings.clone_from(&written));
        for side in [&account, &LedgerAccount::Suspense] {
            assert_eq!(ready(store.postings(side, &asset, 99)), Ok(written.clone()));
        }
    }
}

pub(super) fn hostile_texts(store: &dyn Store) {
    furnish(store);
    let long = "ж".repeat(100_000);
    // As long as a name can be that an API lets through, and nothing in it comes twice.
    let dense: String = (0..255).filter_map(|it| char::from_u32(0x1_0000 + it * 4_093)).collect();
    let texts = [
        "",
        " ",
        "'; DROP TABLE payouts; --",
        "\"quoted\" `and` [bracketed]",
        "before\0after",
        "\0",
        "\u{ffff}",
        "\u{ffff}0",
        "\0\u{ffff}\u{ffff}\0",
        "🦀 émoji ٣",
        "e\u{301}",
        "é",
        "line\r\nline\ttab\u{1}\u{7f}\u{feff}",
        "%_*?",
        "NULL",
        "007",
        "1e3",
        &dense,
        &long,
    ];
    for (number, text) in (1..).zip(texts) {
        let mut it = payout(number);
        it.public_id = text.into();
        it.merchant_ref = Some(text.to_owned());
        it.dialect = DialectId::new(text);
        it.destination.address = text.into();
        it.destination.memo = Some(text.to_owned());
        it.webhook = Some(Webhook { url: text.to_owned(), on: vec![] });
        it.note = text.into();
        let claim = Claim { scope: ClaimScope::MerchantRef, owner: MERCHANT.0, text: text.into() };
        let merchant = merchant(MerchantId(1_000 + number), text);
        write(store, |change| {
            change.payouts.push(it.clone());
            change.claims.push((claim.clone(), Some(it.id)));
            change.merchants.push(merchant.clone());
            change.events.push(event(number, EventKind::Held, text));
        });
        let view = find(store, number);
        assert_eq!(view.payout, it);
        assert_eq!(view.events[0].detail, text);
        assert_eq!(ready(store.merchant(merchant.id)), Ok(Some(merchant)));
        for key in [
            PayoutKey::PublicId(text.to_owned()),
            PayoutKey::MerchantRef(MERCHANT, text.to_owned()),
        ] {
            let found = ready(store.find_payout(&key)).expect("reachable");
            assert_eq!(found.map(|it| it.payout.id), Some(it.id), "{text:?}");
        }
        let needs = AcceptNeeds {
            claims: [claim.clone()].into(),
            public_ids: [text.to_owned()].into(),
            ..AcceptNeeds::default()
        };
        let seen = look(store, &needs);
        assert_eq!(seen.claims, [(claim, Some(it.id))].into());
        assert_eq!(seen.public_ids, [text.to_owned()].into());
    }
    let lane = lane("net/'\0🦀");
    write(store, |change| change.lanes.push(lane.clone()));
    let loaded = ready(store.load_lane(&lane.id, 1)).expect("reachable");
    assert_eq!(loaded.map(|it| it.lane), Some(lane));
}
