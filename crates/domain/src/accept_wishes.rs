//! Approvals, transfers, quotes, credentials, and payouts that are paid from something else.

use super::*;
use crate::{
    command::ApprovalRequest,
    merchant::{ApiKey, Sealed},
    money::Rate,
    payout::Verdict,
    pricing::{Locked, Promise},
    quote::ConversionTerms,
    rates::RateBook,
};

/// How long an approval may take.
const PATIENCE_MS: u64 = 100;

/// `COIN` costs a dollar and `TOKEN` two; the house sells both, `TOKEN` beyond what it has.
fn room() -> Room {
    let mut room = Room::new();
    let token = AssetId::new("TOKEN@net");
    let terms = room.book.terms[&coin()].clone();
    room.book.terms.insert(token.clone(), terms);
    room.book.approval_ms = PATIENCE_MS;
    let mut rates = RateBook::default();
    rates.fix("COIN", Rate::ONE);
    rates.fix("TOKEN", Rate::parse("2").unwrap());
    room.book.rates = rates;
    room.book.conversion = ConversionTerms {
        sells: [coin(), token.clone()].into(),
        overdrafts: [(token, amount(1_000))].into(),
        quote_ms: 50,
        ..ConversionTerms::default()
    };
    room
}

fn with_approval(id: u128, url: Option<&str>) -> CreatePayout {
    let approval = Some(ApprovalRequest { url: url.map(str::to_owned) });
    CreatePayout { approval, ..create(id, &id.to_string()) }
}

fn verdict(approve: bool) -> Verdict {
    Verdict {
        approve,
        key: Some(KeyId(9)),
        key_public: "pub".to_owned(),
        ip: "192.0.2.1".to_owned(),
        user_agent: "curl".to_owned(),
        at: NOW,
    }
}

fn judge(merchant: MerchantId, id: u128, approve: bool) -> Command {
    Command::Judge { merchant, payout: PayoutId(id), verdict: verdict(approve) }
}

fn one(
    stored: &mut Stored,
    room: &Room,
    command: Command,
    now: Timestamp,
) -> Result<Accepted, Refusal> {
    stored.accept_in(room, &[command], now).remove(0)
}

#[test]
fn what_needs_an_approval_waits_for_it() {
    let room = room();
    let mut stored = Stored::with(1_000);
    let ask = |id| Command::Create(Box::new(with_approval(id, Some("https://shop.example/ok"))));
    let command = ask(1);
    let needs = needs(&room.desk(), std::slice::from_ref(&command));
    let mut sitting = Sitting::new(stored.view(&needs));
    let (payout, ..) = parts(sitting.decide(&room.desk(), &command, NOW).unwrap());
    assert_eq!(payout.state, PayoutState::AwaitingApproval);
    let change = sitting.end();
    let [question] = &change.deliveries[..] else { panic!("{change:?}") };
    assert_eq!(question.status, Status::AwaitingApproval);
    assert_eq!(question.url, "https://shop.example/ok");
    assert_eq!(change.payouts[0].delivery_count, 1, "the next one has another number");
    stored.write(change);
    assert_eq!((stored.available(), stored.reserved), (893, 107), "its price is reserved");
    let strangers = one(&mut stored, &room, judge(STRANGER, 1, true), NOW);
    assert_eq!(strangers, Err(Refusal::NotFound));
    assert!(is(&one(&mut stored, &room, judge(MERCHANT, 1, true), NOW), 1, true));
    assert_eq!(stored.state(1), &PayoutState::Queued);
    let judged = stored.facts.payouts[&PayoutId(1)].approval.clone().unwrap().verdict;
    assert_eq!(judged, Some(verdict(true)));
    assert!(is(&one(&mut stored, &room, judge(MERCHANT, 1, true), NOW), 1, false));
    let other = one(&mut stored, &room, judge(MERCHANT, 1, false), NOW);
    assert_eq!(other, Err(Refusal::NotAwaitingApproval), "a verdict stands");
}

#[test]
fn what_is_declined_or_expires_returns_its_price() {
    let room = room();
    let mut stored = Stored::with(1_000);
    for id in [1, 2, 3] {
        let asked = Command::Create(Box::new(with_approval(id, None)));
        assert!(is(&one(&mut stored, &room, asked, NOW), id, true));
    }
    assert_eq!(stored.reserved, 321);
    assert!(is(&one(&mut stored, &room, judge(MERCHANT, 1, false), NOW), 1, true));
    assert_eq!((stored.state(1), stored.reserved), (&PayoutState::Cancelled, 214));
    assert!(is(&one(&mut stored, &room, judge(MERCHANT, 1, false), NOW), 1, false));
    let expire = Command::Expire(PayoutId(2));
    let at_the_end = NOW.plus_ms(PATIENCE_MS);
    let early = one(&mut stored, &room, expire.clone(), at_the_end);
    assert_eq!(early, Err(Refusal::NotAwaitingApproval));
    let late = at_the_end.plus_ms(1);
    assert!(is(&one(&mut stored, &room, expire.clone(), late), 2, true));
    assert_eq!(one(&mut stored, &room, expire, late), Err(Refusal::NotAwaitingApproval));
    let too_late = one(&mut stored, &room, judge(MERCHANT, 3, true), late);
    assert_eq!(too_late, Err(Refusal::NotAwaitingApproval), "nobody approves what has expired");
    assert!(is(&stored.cancel(MERCHANT, 3), 3, true), "what waits can be withdrawn");
    assert_eq!((stored.available(), stored.reserved), (1_000, 0));
    let plain = one(&mut stored, &room, Command::Create(Box::new(create(9, "x"))), NOW);
    assert!(plain.is_ok());
    let unasked = one(&mut stored, &room, judge(MERCHANT, 9, true), NOW);
    assert_eq!(unasked, Err(Refusal::NotAwaitingApproval));
}

#[test]
fn a_slice_asks_approves_and_withdraws() {
    let room = room();
    let mut stored = Stored::with(1_000);
    let asked = Command::Create(Box::new(with_approval(1, None)));
    let cancel = Command::Cancel { merchant: MERCHANT, payout: PayoutId(1) };
    let outcomes = stored.accept_in(&room, &[asked, judge(MERCHANT, 1, true), cancel], NOW);
    assert!(outcomes.iter().all(|it| is(it, 1, true)), "{outcomes:?}");
    let payout = &stored.facts.payouts[&PayoutId(1)];
    assert_eq!((&payout.state, payout.version), (&PayoutState::Cancelled, 1));
    assert_eq!((stored.available(), stored.reserved), (1_000, 0));
}

#[test]
fn the_house_sells_what_it_has_and_may_owe() {
    let room = room();
    let token = AssetId::new("TOKEN@net");
    let mut stored = Stored::with(100_000);
    let sell = |id: u128, units| {
        let request = CreatePayout {
            asset: AssetId::new("TOKEN@net"),
            asked: exact(units),
            source: Source::Ticker("COIN".to_owned()),
            ..create(id, &id.to_string())
        };
        Command::Create(Box::new(request))
    };
    // 100 and 7 of fees, twice as dear.
    let sold = one(&mut stored, &room, sell(1, 100), NOW).unwrap();
    assert_eq!(parts(sold).2, amount(100_000 - 214), "what is left is of what was charged");
    let inventory = (LedgerAccount::Inventory, token.clone());
    assert_eq!(stored.facts.balances[&inventory], -107);
    let outcomes = stored.accept_in(&room, &[sell(2, 500), sell(3, 500), sell(4, 379)], NOW);
    assert!(is(&outcomes[0], 2, true));
    assert!(matches!(outcomes[1], Err(Refusal::NotConvertible(_))), "{outcomes:?}");
    assert!(is(&outcomes[2], 4, true), "to the last unit that may be owed");
    assert_eq!(stored.facts.balances[&inventory], -1_000);
    for id in [1, 2, 4] {
        stored.cancel(MERCHANT, id).unwrap();
    }
    assert_eq!((stored.available(), stored.reserved), (100_000, 0));
    assert!(stored.facts.balances.iter().all(|it| it.0.1 != token || *it.1 == 0));
}

#[test]
fn a_repetition_says_the_same_wish() {
    let room = room();
    let mut stored = Stored::with(100_000);
    let wish = |id| CreatePayout {
        asset: AssetId::new("TOKEN@net"),
        asked: Asked::Worth { currency: "USD".to_owned(), amount: Decimal::parse("3").unwrap() },
        source: Source::Ticker("COIN".to_owned()),
        ..create(id, "wish")
    };
    let ask = |stored: &mut Stored, room: &Room, wish| {
        one(stored, room, Command::Create(Box::new(wish)), NOW)
    };
    assert!(is(&ask(&mut stored, &room, wish(1)), 1, true));
    let mut dearer = self::room();
    dearer.book.rates.fix("TOKEN", Rate::parse("3").unwrap());
    assert!(is(&ask(&mut stored, &dearer, wish(2)), 1, false), "whatever prices are now");
    let others: [fn(&mut CreatePayout); 4] = [
        |it| it.asked = exact(150),
        |it| it.source = Source::Own,
        |it| it.source = Source::Configured,
        |it| it.bearer = FeeBearer::Recipient,
    ];
    for other in others {
        let mut again = wish(3);
        other(&mut again);
        assert_eq!(ask(&mut stored, &room, again), Err(Refusal::RefReused));
    }
}

#[test]
fn a_quote_changes_nothing_and_can_be_taken_up() {
    let room = room();
    let mut stored = Stored::with(100_000);
    let wish = CreatePayout {
        asset: AssetId::new("TOKEN@net"),
        source: Source::Ticker("COIN".to_owned()),
        ..create(1, "wish")
    };
    let quoted = one(&mut stored, &room, Command::Quote(Box::new(wish.clone())), NOW);
    let Ok(Accepted::Quoted(quote, locked)) = quoted else { panic!("{quoted:?}") };
    assert!(stored.facts.payouts.is_empty() && stored.facts.claims.is_empty());
    let mut dearer = self::room();
    dearer.book.rates.fix("TOKEN", Rate::parse("3").unwrap());
    let take_up = |id, locked| {
        let wish = CreatePayout { id: PayoutId(id), locked, ..wish.clone() };
        Command::Create(Box::new(CreatePayout { merchant_ref: Some(id.to_string()), ..wish }))
    };
    let until = NOW.plus_ms(50);
    let command = take_up(2, Some(*locked.clone()));
    let (payout, ..) = parts(one(&mut stored, &dearer, command, until).unwrap());
    assert_eq!(payout.quote, *quote);
    let again = one(&mut stored, &dearer, take_up(3, Some(*locked.clone())), until);
    assert_eq!(again, Err(Refusal::QuoteExpired), "a promise is kept once");
    let repeated = one(&mut stored, &dearer, take_up(2, Some(*locked.clone())), until);
    assert!(is(&repeated, 2, false), "asking again is not taking it up again");
    let fresh = Promise { id: PayoutId(77), ..locked.promise.clone().unwrap() };
    let locked = Locked { promise: Some(fresh), ..*locked };
    let late = one(&mut stored, &dearer, take_up(4, Some(locked)), until.plus_ms(1));
    assert_eq!(late, Err(Refusal::QuoteExpired));
}

#[test]
fn money_is_set_apart_and_taken_back() {
    let room = room();
    let mut stored = Stored::with(1_000);
    let transfer = |text: &str, direction| Command::Transfer {
        merchant: MERCHANT,
        ticker: "COIN".to_owned(),
        amount: Decimal::parse(text).unwrap(),
        direction,
    };
    let moved = |available: &str, personal: &str| {
        let decimal = |text: &str| Decimal::new(Amount::parse(text, 2).unwrap(), 2);
        Ok(Accepted::Moved { available: decimal(available), personal: decimal(personal) })
    };
    let (there, back) = (Direction::ToPersonal, Direction::ToBusiness);
    assert_eq!(one(&mut stored, &room, transfer("4", there), NOW), moved("6", "4"));
    let asked = Command::Create(Box::new(CreatePayout { asked: exact(594), ..create(1, "x") }));
    let short = one(&mut stored, &room, asked, NOW);
    assert_eq!(short, Err(Refusal::InsufficientFunds), "what is set apart pays nothing");
    let too_much = one(&mut stored, &room, transfer("4.01", back), NOW);
    assert_eq!(too_much, Err(Refusal::InsufficientFunds));
    assert_eq!(one(&mut stored, &room, transfer("0.01", back), NOW), moved("6.01", "3.99"));
    let nothing = one(&mut stored, &room, transfer("0", there), NOW);
    assert_eq!(nothing, Err(Refusal::AmountTooSmall { minimum: None }));
    let too_precise = one(&mut stored, &room, transfer("0.001", there), NOW);
    assert_eq!(too_precise, Err(Refusal::Amount(crate::money::AmountError::TooPrecise)));
    let unknown = Command::Transfer {
        merchant: MERCHANT,
        ticker: "DREAM".to_owned(),
        amount: Decimal::parse("1").unwrap(),
        direction: there,
    };
    assert_eq!(one(&mut stored, &room, unknown, NOW), Err(Refusal::UnknownAsset));
}

#[test]
fn what_may_be_exchanged_is_other_content_than_what_may_not() {
    let mut stored = Stored::with(1_000);
    stored.create(create(1, "order")).unwrap();
    let other = CreatePayout { source: Source::Configured, ..create(2, "order") };
    assert_eq!(stored.create(other), Err(Refusal::RefReused));
}

#[test]
fn a_credential_that_was_revoked_meanwhile_is_good_for_nothing() {
    let mut stored = Stored::with(1_000);
    let key = ApiKey {
        id: KeyId(9),
        merchant: MERCHANT,
        dialect: DialectId::new("native"),
        role: "payout".to_owned(),
        lookup: "lookup".to_owned(),
        secret: Sealed(vec![]),
        lenient_nonce: false,
        created_at: NOW,
        revoked_at: Some(NOW.plus_ms(1)),
        version: 1,
    };
    stored.facts.keys.insert(key.id, key.clone());
    assert!(is(&stored.create(create(1, "a")), 1, true), "it is good until then");
    let revoked = ApiKey { revoked_at: Some(NOW), ..key };
    stored.facts.keys.insert(revoked.id, revoked);
    let before = stored.facts.clone();
    let mut with_nonce = create(2, "b");
    with_nonce.nonce = Some(nonce("1"));
    for refused in [create(2, "a"), create(2, "b"), with_nonce] {
        assert_eq!(stored.create(refused), Err(Refusal::Unauthenticated));
    }
    assert_eq!(stored.facts, before);
}
