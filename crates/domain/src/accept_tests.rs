//! Decisions about commands: idempotency, money, order, and what a refusal leaves behind.

use super::*;
use crate::{
    batch::{Attempt, AttemptStatus, Batch, SignedTx},
    catalog::{Asset, Network},
    command::Asked,
    ids::{AssetId, DialectId, KeyId},
    ledger::LedgerAccount,
    merchant::Merchant,
    payout::{Status, Webhook},
    ports::{Hold, HoldReason},
    quote::{AssetTerms, FeeBearer, FeePlan},
};

const NOW: Timestamp = Timestamp(1_000);
const MERCHANT: MerchantId = MerchantId(1);
const STRANGER: MerchantId = MerchantId(2);
const PAUSED: MerchantId = MerchantId(3);
const OURS: &str = "to-our-wallet";
const CONTRACT: &str = "to-the-token";

/// Addresses begin with `to-`; capital letters mean the same.
struct Rules;

impl AddressRules for Rules {
    fn parse(
        &self,
        _network: &Network,
        address: &str,
        memo: Option<&str>,
    ) -> Result<Destination, DestinationError> {
        let address = address.to_ascii_lowercase();
        if !address.starts_with("to-") {
            return Err(DestinationError::Address("not one".to_owned()));
        }
        Ok(Destination { address, memo: memo.map(str::to_owned) })
    }

    fn least(&self, _network: &Network, address: Option<&str>) -> Amount {
        if address == Some("to-heavy") { amount(60) } else { Amount::ZERO }
    }
}

fn amount(units: u128) -> Amount {
    Amount::from_units(units).unwrap()
}

fn coin() -> AssetId {
    AssetId::new("COIN@net")
}

/// Everything that a desk borrows. A payout of `x` costs the merchant `x + 7`.
struct Room {
    catalog: Catalog,
    book: PriceBook,
    own_addresses: BTreeSet<(NetworkId, String)>,
}

impl Room {
    fn new() -> Self {
        let network = Network {
            id: NetworkId::new("net"),
            title: String::new(),
            family: String::new(),
            fee_asset: coin(),
            explorer_url: String::new(),
            has_priorities: false,
            parameters: std::collections::BTreeMap::new(),
        };
        let asset = |ticker: &str, contract: Option<&str>| Asset {
            id: AssetId::new(&format!("{ticker}@net")),
            network: NetworkId::new("net"),
            ticker: ticker.to_owned(),
            title: String::new(),
            decimals: 2,
            contract: contract.map(str::to_owned),
            stablecoin: false,
            symbols: vec![],
        };
        let assets = vec![asset("COIN", None), asset("TOKEN", Some(CONTRACT))];
        let terms = AssetTerms {
            fee_plan: FeePlan { fixed: amount(2), ..FeePlan::default() },
            network_fee: Some((amount(5), NOW)),
            amount_min: Some(amount(10)),
            amount_max: Some(amount(10_000)),
        };
        Self {
            catalog: Catalog::new(vec![network], assets).unwrap(),
            book: PriceBook {
                terms: [(coin(), terms)].into(),
                age_ms_max: 1_000,
                ..PriceBook::default()
            },
            own_addresses: [(NetworkId::new("net"), OURS.to_owned())].into(),
        }
    }

    fn desk(&self) -> Desk<'_> {
        Desk {
            catalog: &self.catalog,
            rules: &Rules,
            book: &self.book,
            own_addresses: &self.own_addresses,
        }
    }
}

fn create(id: u128, merchant_ref: &str) -> CreatePayout {
    let (dialect, address) = (DialectId::new("plain"), "to-bob".to_owned());
    CreatePayout {
        public_ids: vec![format!("P{id}"), format!("Q{id}")],
        key: Some(KeyId(9)),
        merchant_ref: Some(merchant_ref.to_owned()),
        webhook: Some(Webhook {
            url: "https://merchant.example/".to_owned(),
            on: Status::ALL.to_vec(),
        }),
        ..CreatePayout::new(PayoutId(id), MERCHANT, dialect, coin(), exact(100), address)
    }
}

fn exact(units: u128) -> Asked {
    Asked::Exact(amount(units))
}

fn nonce(text: &str) -> Nonce {
    Nonce { key: KeyId(9), text: text.to_owned() }
}

fn merchant(id: MerchantId) -> Merchant {
    Merchant {
        id,
        name: id.to_string(),
        webhook_url: None,
        paused: id == PAUSED,
        created_at: NOW,
        version: 1,
    }
}

/// What is stored, as decisions leave it, and nothing but the rules of a store.
#[derive(Clone, Default)]
struct Stored {
    facts: AcceptView,
    reserved: i128,
}

impl Stored {
    fn with(units: u128) -> Self {
        let mut stored = Self::default();
        for id in [MERCHANT, STRANGER, PAUSED] {
            stored.facts.merchants.insert(id, merchant(id));
            let line = (LedgerAccount::Available(id), coin());
            stored.facts.balances.insert(line, amount(units).signed());
        }
        stored
    }

    /// Loads what is needed and no more.
    fn view(&self, needs: &AcceptNeeds) -> AcceptView {
        let mut view = self.facts.clone();
        view.merchants.retain(|id, _| needs.merchants.contains(id));
        view.keys.retain(|id, _| needs.keys.contains(id));
        view.claims.retain(|claim, _| needs.claims.contains(claim));
        view.public_ids.retain(|it| needs.public_ids.contains(it));
        let led_to: BTreeSet<PayoutId> = view.claims.values().flatten().copied().collect();
        let left = |it: &PayoutId| self.facts.payouts.get(it)?.state.unsigned_batch();
        let left: BTreeSet<BatchId> = needs.leaving.iter().filter_map(left).collect();
        view.batches.retain(|id, _| left.contains(id));
        let together = view.batches.values().flat_map(|it| it.payouts.clone());
        let asked: BTreeSet<PayoutId> =
            needs.payouts.union(&needs.leaving).copied().chain(together).collect();
        view.payouts.retain(|id, _| asked.contains(id) || led_to.contains(id));
        let charged =
            |it: &Payout| (LedgerAccount::Available(it.merchant), it.charged_asset().clone());
        let lines: BTreeSet<_> = view.payouts.values().map(charged).collect();
        view.balances.retain(|it, _| needs.balances.contains(it) || lines.contains(it));
        view
    }

    /// Writes a change as a store would, and fails where a store would.
    fn write(&mut self, change: ChangeSet) {
        for (claim, payout) in change.claims {
            assert!(self.facts.claims.insert(claim, payout).is_none(), "a name is claimed once");
        }
        for posting in change.postings {
            let units = posting.amount.signed();
            assert!(units > 0, "empty postings are left out");
            for (account, units) in [(posting.debit, -units), (posting.credit, units)] {
                if matches!(account, LedgerAccount::Reserved(_)) {
                    self.reserved += units;
                }
                let guarded = account.must_not_be_negative();
                let line = (account, posting.asset.clone());
                let left = self.facts.balances.entry(line.clone()).or_default();
                *left += units;
                let allowed = change.overdrafts.get(&posting.asset).map_or(0, |it| it.signed());
                let floor = if line.0 == LedgerAccount::Inventory { -allowed } else { 0 };
                assert!(units > 0 || !guarded || *left >= floor, "{line:?} is overdrawn");
            }
        }
        for batch in change.batches {
            let before = self.facts.batches.get(&batch.id).map_or(0, |it| it.version);
            assert_eq!(batch.version, before + 1, "versions grow by one");
            self.facts.batches.insert(batch.id, batch);
        }
        for payout in change.payouts {
            let before = self.facts.payouts.get(&payout.id).map_or(0, |it| it.version);
            assert_eq!(payout.version, before + 1, "versions grow by one");
            self.facts.public_ids.insert(payout.public_id.clone());
            self.facts.payouts.insert(payout.id, payout);
        }
    }

    /// Decides about a slice and writes what came of it.
    fn accept(&mut self, commands: &[Command]) -> Vec<Result<Accepted, Refusal>> {
        self.accept_in(&Room::new(), commands, NOW)
    }

    fn accept_in(
        &mut self,
        room: &Room,
        commands: &[Command],
        now: Timestamp,
    ) -> Vec<Result<Accepted, Refusal>> {
        let mut sitting = Sitting::new(self.view(&needs(&room.desk(), commands)));
        let outcomes = commands.iter().map(|it| sitting.decide(&room.desk(), it, now)).collect();
        self.write(sitting.end());
        outcomes
    }

    fn create(&mut self, create: CreatePayout) -> Result<Accepted, Refusal> {
        self.accept(&[Command::Create(Box::new(create))]).remove(0)
    }

    fn cancel(&mut self, merchant: MerchantId, id: u128) -> Result<Accepted, Refusal> {
        self.accept(&[Command::Cancel { merchant, payout: PayoutId(id) }]).remove(0)
    }

    /// Payouts join a batch.
    fn send(&mut self, ids: &[u128]) {
        let payouts: Vec<Payout> =
            ids.iter().map(|it| self.facts.payouts[&PayoutId(*it)].clone()).collect();
        let (network, lane) = (NetworkId::new("net"), crate::ids::LaneId::new("net/hot"));
        let members = payouts.iter().map(|it| it.id).collect();
        let batch = Batch::new(BatchId(1), network, lane, members, NOW);
        let mut change = ChangeSet::default();
        follow::start(batch, payouts, NOW, &mut change);
        self.write(change);
    }

    fn available(&self) -> u128 {
        let line = (LedgerAccount::Available(MERCHANT), coin());
        u128::try_from(self.facts.balances[&line]).unwrap()
    }

    fn state(&self, id: u128) -> &PayoutState {
        &self.facts.payouts[&PayoutId(id)].state
    }
}

fn is(outcome: &Result<Accepted, Refusal>, id: u128, fresh: bool) -> bool {
    outcome.as_ref().is_ok_and(|it| {
        let found = it.payout().is_some_and(|it| it.id == PayoutId(id));
        found && it.changed().is_some() == fresh
    })
}

/// The payout of an answer, whether it is fresh, and what is left.
fn parts(accepted: Accepted) -> (Payout, bool, Amount) {
    match accepted {
        Accepted::Payout { payout, fresh, available } => (*payout, fresh, available),
        other @ (Accepted::Quoted(..) | Accepted::Moved { .. } | Accepted::NonceUsed) => {
            panic!("this is about no payout: {other:?}")
        }
    }
}

#[test]
fn a_payout_is_reserved_claimed_and_told_of() {
    let room = Room::new();
    let mut request = create(1, "order");
    request.idempotency_key = Some("key".to_owned());
    request.nonce = Some(nonce("1"));
    let command = Command::Create(Box::new(request));
    let stored = Stored::with(1_000);
    let mut sitting =
        Sitting::new(stored.view(&needs(&room.desk(), std::slice::from_ref(&command))));
    let accepted = sitting.decide(&room.desk(), &command, NOW).unwrap();
    let (payout, fresh, available) = parts(accepted);
    assert_eq!((fresh, available), (true, amount(893)));
    assert_eq!((payout.quote.price(), payout.public_id.as_str()), (amount(107), "P1"));
    let change = sitting.end();
    assert_eq!(change.payouts, [payout]);
    assert_eq!(change.claims.len(), 3, "reference, key and nonce");
    assert_eq!(change.postings.len(), 1);
    assert_eq!(change.postings[0].amount, amount(107));
    assert_eq!(change.events.len(), 1);
    assert!(change.deliveries.is_empty(), "the answer tells of the acceptance");
}

#[test]
fn a_repetition_is_answered_before_anything_else_is_asked() {
    let mut stored = Stored::with(107);
    assert!(is(&stored.create(create(1, "order")), 1, true));
    assert_eq!(stored.available(), 0);
    // No money is left, the merchant is stopped, no identifier is free: none of it matters.
    stored.facts.merchants.get_mut(&MERCHANT).unwrap().paused = true;
    let mut again = create(2, "order");
    again.public_ids = vec!["P1".to_owned()];
    again.address = "TO-Bob".to_owned();
    assert!(is(&stored.create(again), 1, false));
    assert_eq!(stored.facts.payouts.len(), 1);
}

#[test]
fn a_repetition_is_answered_with_whatever_became_of_it() {
    let mut stored = Stored::with(1_000);
    stored.create(create(1, "order")).unwrap();
    stored.cancel(MERCHANT, 1).unwrap();
    let again = stored.create(create(2, "order")).unwrap();
    let (payout, fresh, _) = parts(again);
    assert_eq!(payout.state, PayoutState::Cancelled);
    assert_eq!((fresh, stored.available()), (false, 1_000));
}

#[test]
fn the_same_name_for_something_else_is_refused_or_answered_with_what_exists() {
    let others: [fn(&mut CreatePayout); 6] = [
        |it| it.asked = exact(101),
        |it| it.bearer = FeeBearer::Recipient,
        |it| it.asset = AssetId::new("TOKEN@net"),
        |it| it.address = "to-alice".to_owned(),
        |it| it.address = "nonsense".to_owned(),
        |it| it.memo = Some("7".to_owned()),
    ];
    for other in others {
        let mut stored = Stored::with(1_000);
        stored.create(create(1, "order")).unwrap();
        let mut again = create(2, "order");
        other(&mut again);
        assert_eq!(stored.create(again.clone()), Err(Refusal::RefReused));
        again.on_other_content = OnOtherContent::AnswerExisting;
        assert!(is(&stored.create(again.clone()), 1, false));
        again.dialect = DialectId::new("another");
        assert_eq!(stored.create(again), Err(Refusal::RefReused));
        assert_eq!((stored.facts.payouts.len(), stored.available()), (1, 893));
    }
    let mut stored = Stored::with(1_000);
    stored.create(create(1, "order")).unwrap();
    let mut same = create(2, "order");
    same.dialect = DialectId::new("another");
    assert!(is(&stored.create(same), 1, false));
}

#[test]
fn a_repetition_of_what_was_asked_before_there_were_exchanges_is_one() {
    let mut stored = Stored::with(1_000);
    stored.create(create(1, "order")).unwrap();
    let payout = stored.facts.payouts.values_mut().next().unwrap();
    payout.content = payout.content.replace(" from own to ", " from unsaid to ");
    let from = |source, asked| CreatePayout { asked, source, ..create(2, "order") };
    let spent = |text| Asked::Spend(Decimal::parse(text).unwrap());
    let same = [
        from(Source::Own, exact(100)),
        from(Source::Configured, exact(100)),
        from(Source::Configured, spent("1")),
    ];
    for repetition in same {
        assert!(is(&stored.create(repetition), 1, false));
    }
    let others = [
        from(Source::Own, exact(101)),
        from(Source::Configured, exact(101)),
        from(Source::Configured, spent("1.01")),
        from(Source::Ticker("COIN".to_owned()), exact(100)),
    ];
    for other in others {
        assert_eq!(stored.create(other), Err(Refusal::RefReused));
    }
}

#[test]
fn references_and_keys_are_names_of_their_own() {
    let mut stored = Stored::with(1_000);
    let named = |id, merchant_ref: &str, key: &str| {
        let mut create = create(id, merchant_ref);
        create.idempotency_key = Some(key.to_owned());
        create
    };
    assert!(is(&stored.create(named(1, "a", "x")), 1, true));
    assert!(is(&stored.create(named(2, "b", "y")), 2, true));
    assert!(is(&stored.create(named(3, "a", "x")), 1, false));
    // Names of two different payouts stand for neither.
    let mut crossed = named(4, "a", "y");
    assert_eq!(stored.create(crossed.clone()), Err(Refusal::RefReused));
    crossed.on_other_content = OnOtherContent::AnswerExisting;
    assert_eq!(stored.create(crossed), Err(Refusal::RefReused));
    // A reference with the text of a key is no repetition, nor is another merchant's.
    assert!(is(&stored.create(create(5, "x")), 5, true));
    let mut strangers = create(6, "a");
    strangers.merchant = STRANGER;
    assert!(is(&stored.create(strangers), 6, true));
    // Without names, each request is one of its own.
    for id in [7, 8] {
        let mut nameless = create(id, "");
        nameless.merchant_ref = None;
        assert!(is(&stored.create(nameless), id, true));
    }
}

#[test]
fn a_nonce_is_used_up_even_by_a_refusal_and_not_by_a_repetition() {
    let mut stored = Stored::with(200);
    let with = |id, merchant_ref: &str, text: &str, units| {
        let mut create = create(id, merchant_ref);
        create.nonce = Some(nonce(text));
        create.asked = exact(units);
        create
    };
    assert_eq!(stored.create(with(1, "a", "1", 5_000)), Err(Refusal::InsufficientFunds));
    assert_eq!(stored.facts.claims.len(), 1, "nothing but the nonce is used up");
    assert_eq!(stored.create(with(2, "a", "1", 100)), Err(Refusal::NonceReused));
    assert!(is(&stored.create(with(3, "a", "2", 100)), 3, true));
    assert!(is(&stored.create(with(4, "a", "2", 100)), 3, false));
    assert!(is(&stored.create(with(5, "a", "3", 100)), 3, false));
    assert_eq!(stored.accept(&[Command::UseNonce(nonce("2"))]), [Err(Refusal::NonceReused)]);
    // Nonce 3 came with a repetition, and is still good.
    let twice = [Command::UseNonce(nonce("3")), Command::UseNonce(nonce("3"))];
    let outcomes = stored.accept(&twice);
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[1], Err(Refusal::NonceReused));
    let other_key = Nonce { key: KeyId(8), text: "3".to_owned() };
    assert!(stored.accept(&[Command::UseNonce(other_key)])[0].is_ok());
}

#[test]
fn refusals_change_nothing() {
    let refused = |change: fn(&mut CreatePayout)| {
        let mut stored = Stored::with(1_000);
        let mut request = create(1, "order");
        change(&mut request);
        let refusal = stored.create(request).unwrap_err();
        assert!(stored.facts.payouts.is_empty() && stored.facts.claims.is_empty());
        assert_eq!((stored.available(), stored.reserved), (1_000, 0));
        refusal
    };
    let is_bad = |it: &Refusal| matches!(it, Refusal::Destination(DestinationError::Address(_)));
    assert_eq!(refused(|it| it.merchant = PAUSED), Refusal::MerchantPaused);
    assert_eq!(refused(|it| it.merchant = MerchantId(77)), Refusal::NotFound);
    assert_eq!(refused(|it| it.asset = AssetId::new("NO@net")), Refusal::UnknownAsset);
    assert_eq!(refused(|it| it.asset = AssetId::new("TOKEN@net")), Refusal::AssetUnavailable);
    assert!(is_bad(&refused(|it| it.address = "nonsense".to_owned())));
    assert!(is_bad(&refused(|it| it.address = OURS.to_owned())));
    assert!(is_bad(&refused(|it| it.address = OURS.to_ascii_uppercase())));
    assert!(is_bad(&refused(|it| it.address = CONTRACT.to_owned())));
    assert_eq!(refused(|it| it.asked = exact(994)), Refusal::InsufficientFunds);
    assert!(matches!(refused(|it| it.asked = exact(9)), Refusal::AmountTooSmall { .. }));
    assert!(matches!(refused(|it| it.asked = exact(10_001)), Refusal::AmountTooLarge { .. }));
    assert!(matches!(refused(|it| it.public_ids.clear()), Refusal::Unavailable(_)));
}

#[test]
fn what_the_network_does_not_carry_there_is_refused_at_once() {
    let ask = |address: &str, units, bearer| {
        let mut request = create(1, "order");
        (request.address, request.asked, request.bearer) =
            (address.to_owned(), exact(units), bearer);
        Stored::with(1_000).create(request).map(|it| parts(it).0.quote.amount)
    };
    let too_small = Err(Refusal::AmountTooSmall { minimum: Some(amount(60)) });
    assert_eq!(ask("to-heavy", 59, FeeBearer::Merchant), too_small);
    assert_eq!(ask("TO-HEAVY", 60, FeeBearer::Merchant), Ok(amount(60)));
    assert_eq!(ask("to-bob", 59, FeeBearer::Merchant), Ok(amount(59)));
    // Fees are 7: what arrives counts.
    assert_eq!(ask("to-heavy", 66, FeeBearer::Recipient), too_small);
    assert_eq!(ask("to-heavy", 67, FeeBearer::Recipient), Ok(amount(60)));
}

#[test]
fn the_last_unit_can_be_spent() {
    let mut stored = Stored::with(1_000);
    let mut all = create(1, "order");
    all.asked = exact(993);
    assert_eq!(parts(stored.create(all).unwrap()).2, Amount::ZERO);
    assert_eq!((stored.available(), stored.reserved), (0, 1_000));
}

#[test]
fn commands_of_a_slice_see_what_came_before_them() {
    let mut stored = Stored::with(214);
    let ask = |id, merchant_ref: &str| Command::Create(Box::new(create(id, merchant_ref)));
    let cancel = |id| Command::Cancel { merchant: MERCHANT, payout: PayoutId(id) };
    let outcomes = stored.accept(&[
        ask(1, "a"),
        ask(2, "b"),
        ask(3, "c"),
        ask(4, "a"),
        cancel(2),
        ask(5, "c"),
        ask(6, "d"),
    ]);
    assert!(is(&outcomes[0], 1, true) && is(&outcomes[1], 2, true));
    assert_eq!(outcomes[2], Err(Refusal::InsufficientFunds), "two have spent it all");
    assert!(is(&outcomes[3], 1, false), "the slice's own payout is found");
    assert!(is(&outcomes[4], 2, true), "the slice's own payout can be cancelled");
    assert!(is(&outcomes[5], 5, true), "what was released can be spent");
    assert_eq!(outcomes[6], Err(Refusal::InsufficientFunds));
    assert_eq!((stored.available(), stored.reserved), (0, 214));
    assert_eq!(stored.state(2), &PayoutState::Cancelled);
    assert_eq!(stored.facts.payouts[&PayoutId(2)].version, 1, "it is written once");
}

#[test]
fn identifiers_are_drawn_until_one_is_free() {
    let mut stored = Stored::with(1_000);
    let with = |id, public_ids: &[&str]| {
        let mut create = create(id, &id.to_string());
        create.public_ids = public_ids.iter().map(|it| (*it).to_owned()).collect();
        create
    };
    assert!(is(&stored.create(with(1, &["A"])), 1, true));
    let second = stored.create(with(2, &["A", "B"])).unwrap();
    assert_eq!(parts(second).0.public_id, "B");
    let none_left = stored.create(with(3, &["A", "B"]));
    assert!(matches!(none_left, Err(Refusal::Unavailable(_))));
    // Within a slice, too.
    let both = [4, 5].map(|id| Command::Create(Box::new(with(id, &["C"]))));
    let outcomes = stored.accept(&both);
    assert!(is(&outcomes[0], 4, true));
    assert!(matches!(outcomes[1], Err(Refusal::Unavailable(_))));
}

#[path = "accept_cancellations.rs"]
mod cancellations;
#[path = "accept_wishes.rs"]
mod wishes;

mod any_slice {
    use proptest::prelude::*;

    use super::*;

    /// Commands that get in each other's way: few references, few payouts, little money.
    fn command() -> impl Strategy<Value = (u8, u8, u16, bool)> {
        (0u8..10, 0u8..6, 10u16..400, any::<bool>())
    }

    proptest! {
        #[test]
        fn never_overdraws_and_loses_nothing(
            funds in 0u128..2_000,
            slices in prop::collection::vec(prop::collection::vec(command(), 0..8), 1..6),
        ) {
            let mut stored = Stored::with(funds);
            let mut drawn = 0;
            for slice in slices {
                let commands: Vec<Command> = slice.iter().map(|(kind, name, units, flag)| {
                    drawn += 1;
                    let mut request = create(drawn, &format!("order {name}"));
                    request.asked = exact(u128::from(*units));
                    match kind {
                        0..=1 => Command::Cancel {
                            merchant: MERCHANT,
                            payout: PayoutId(drawn.saturating_sub(u128::from(*name) + 1)),
                        },
                        2 => Command::UseNonce(nonce(&name.to_string())),
                        _ => {
                            request.nonce = flag.then(|| nonce(&name.to_string()));
                            request.merchant_ref = request.merchant_ref.filter(|_| *kind != 3);
                            request.bearer =
                                if *flag { FeeBearer::Recipient } else { FeeBearer::Merchant };
                            Command::Create(Box::new(request))
                        }
                    }
                }).collect();
                let outcomes = stored.accept(&commands);
                prop_assert_eq!(outcomes.len(), commands.len());
                let held = i128::try_from(stored.available()).unwrap() + stored.reserved;
                prop_assert_eq!(held, amount(funds).signed(), "money is here or there");
                let open = stored.facts.payouts.values().filter(|it| !it.state.status().is_final());
                let owed: i128 = open.map(|it| it.quote.price().signed()).sum();
                prop_assert_eq!(owed, stored.reserved, "what is reserved is what is owed");
                let last = outcomes.into_iter().rev().flatten().find(|it| it.payout().is_some());
                if let Some(last) = last {
                    prop_assert_eq!(parts(last).2.units(), stored.available());
                }
            }
            let mut names = BTreeSet::new();
            for payout in stored.facts.payouts.values() {
                if let Some(name) = &payout.merchant_ref {
                    prop_assert!(names.insert(name.clone()), "two payouts have one reference");
                }
            }
        }
    }
}
