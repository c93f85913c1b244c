//! What errands are, read back, and what became of them.

use alloy_primitives::keccak256;

use super::*;

#[test]
fn the_signer_knows_the_same_contract() {
    use signer::intent::evm;
    assert_eq!(evm::PAYOUTS, contract::ADDRESS);
    assert_eq!(evm::PROXY, contract::PROXY);
    assert_eq!(evm::DEPLOYMENT_HASH, keccak256(contract::deployment()));
    assert_eq!(evm::PAYMENTS_MAX, pay_call::PAYMENTS_MAX);
}

const LANE: Address = alloy_primitives::address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const OTHER: Address = alloy_primitives::address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

fn all() -> Vec<Errand> {
    let payments = vec![pay_call::Payment { recipient: OTHER, amount: 7 }; 2];
    let many =
        |method, token| Errand::PayMany(PayCall::new(method, token, payments.clone()).unwrap());
    let pay = |token, amount| {
        Errand::Pay(Transfer { token, recipient: OTHER, amount: U256::from(amount) })
    };
    vec![
        pay(None, 5),
        pay(Some(OTHER), 0),
        many(Method::Contract, None),
        many(Method::Contract, Some(OTHER)),
        many(Method::Delegate, None),
        many(Method::Delegate, Some(OTHER)),
        Errand::Nothing,
        Errand::Approve(OTHER),
        Errand::Deploy,
        Errand::Delegate,
    ]
}

fn sent(errand: &Errand, fee_model: FeeModel) -> Sent {
    let tx = crate::tx::Tx {
        kind: errand.kind(fee_model),
        to: errand.target(LANE),
        value: errand.value(),
        input: errand.input(),
        ..crate::tx::Tx::default()
    };
    Sent { tx, hash: keccak256(b""), sender: LANE }
}

#[test]
fn errands_are_read_back() {
    for errand in all() {
        for fee_model in [FeeModel::Eip1559, FeeModel::Legacy] {
            let made = sent(&errand, fee_model);
            assert_eq!(Errand::read(&made), Some(errand.clone()));
            let mut changed = made.clone();
            changed.tx.input = [&made.tx.input[..], &[1]].concat().into();
            assert_eq!(Errand::read(&changed), None, "{errand:?}");
            if errand.token().is_some() || !matches!(errand, Errand::Pay(_) | Errand::Nothing) {
                let mut changed = made.clone();
                changed.tx.value += U256::ONE;
                assert_eq!(Errand::read(&changed), None, "{errand:?}");
            }
        }
    }
    let mut foreign = sent(&Errand::Delegate, FeeModel::Eip1559);
    foreign.tx.kind = Kind::Eip7702 { delegate: OTHER };
    assert_eq!(Errand::read(&foreign), None);
    // The same bytes in a transaction that does not delegate do nothing.
    let mut plain = sent(&Errand::Delegate, FeeModel::Eip1559);
    plain.tx.kind = Kind::Eip1559;
    assert_eq!(Errand::read(&plain), Some(Errand::Nothing));
}

#[test]
fn coins_leave_the_lane_whoever_carries_them() {
    let coins: Vec<u64> = all().iter().map(|it| it.coins().to::<u64>()).collect();
    assert_eq!(coins, [5, 0, 14, 0, 14, 0, 0, 0, 0, 0]);
    let value: Vec<u64> = all().iter().map(|it| it.value().to::<u64>()).collect();
    assert_eq!(value, [5, 0, 14, 0, 0, 0, 0, 0, 0, 0]);
    assert!(all().iter().all(|it| it.numbers_used() == 1 + u64::from(*it == Errand::Delegate)));
}

#[test]
fn words_name_what_is_prepared() {
    assert_eq!(Errand::of_words("deploy"), Some(Errand::Deploy));
    assert_eq!(Errand::of_words("delegate"), Some(Errand::Delegate));
    assert_eq!(Errand::of_words(&format!("approve {OTHER}")), Some(Errand::Approve(OTHER)));
    for words in ["", "deploy ", "approve", "approve 0x1", "approve deploy", "send all"] {
        assert_eq!(Errand::of_words(words), None, "{words:?}");
    }
}

#[test]
fn a_call_that_nobody_served_paid_nothing_if_the_lane_called_itself() {
    let [.., by_contract, by_itself] = [Method::Contract, Method::Delegate].map(|method| {
        let payments = vec![pay_call::Payment { recipient: OTHER, amount: 7 }];
        Errand::PayMany(PayCall::new(method, None, payments).unwrap())
    });
    assert_eq!(by_itself.outcome(LANE, &[]), Outcome::NotPaid);
    assert!(matches!(by_contract.outcome(LANE, &[]), Outcome::Unclear(_)));
    assert_eq!(Errand::Nothing.outcome(LANE, &[]), Outcome::Done(vec![]));
}

fn moved(recipient: Address, amount: u64) -> Log {
    use alloy_sol_types::SolEvent as _;
    let event = Erc20::Transfer { sender: LANE, recipient, amount: U256::from(amount) };
    let data = event.encode_log_data();
    Log { address: OTHER, topics: data.topics().to_vec(), data: data.data.clone() }
}

fn announced(unpaid: &[u64], count: u64) -> Vec<Log> {
    use alloy_sol_types::SolEvent as _;
    let log = |data: alloy_primitives::LogData| Log {
        address: contract::ADDRESS,
        topics: data.topics().to_vec(),
        data: data.data.clone(),
    };
    let left_out = |position: &u64| {
        let position = U256::from(*position);
        log(pay_call::Payouts::Unpaid { payer: LANE, position }.encode_log_data())
    };
    let made = pay_call::Payouts::Paid { payer: LANE, count: U256::from(count) };
    unpaid.iter().map(left_out).chain([log(made.encode_log_data())]).collect()
}

/// Whatever a token does, whoever got something is never counted as left out.
#[test]
fn whoever_got_something_is_not_paid_again() {
    let (ann, bob, eve) =
        (Address::repeat_byte(1), Address::repeat_byte(2), Address::repeat_byte(3));
    let payment = |recipient| pay_call::Payment { recipient, amount: 7 };
    let payments = vec![payment(ann), payment(bob), payment(ann)];
    let call = PayCall::new(Method::Contract, Some(OTHER), payments).unwrap();
    let check = |unpaid: &[u64], transfers: &[Log], expected: Outcome| {
        let count = 3 - u64::try_from(unpaid.len()).unwrap();
        let logs = [announced(unpaid, count), transfers.to_vec()].concat();
        assert_eq!(Errand::PayMany(call.clone()).outcome(LANE, &logs), expected);
    };
    let (to_ann, to_bob) = (moved(ann, 7), moved(bob, 7));
    let all = [to_ann.clone(), to_bob.clone(), to_ann.clone()];
    check(&[], &all, Outcome::Done(vec![]));
    check(&[1], &[to_ann.clone(), to_ann.clone()], Outcome::Done(vec![1]));
    // It moved coins, and answered that it did not.
    check(&[1], &all, Outcome::PaidOtherwise(vec![]));
    check(&[0, 1], &all, Outcome::PaidOtherwise(vec![]));
    check(&[0, 1, 2], std::slice::from_ref(&to_ann), Outcome::PaidOtherwise(vec![1, 2]));
    // It took a fee of its own, from one or for somebody else.
    check(&[], &[moved(ann, 6), to_bob.clone(), to_ann.clone()], Outcome::PaidOtherwise(vec![]));
    let taken = [to_ann.clone(), to_ann.clone(), moved(eve, 1)];
    check(&[1], &taken, Outcome::PaidOtherwise(vec![1]));
    // Nothing moved where it said that it did.
    check(&[1], std::slice::from_ref(&to_ann), Outcome::PaidOtherwise(vec![1]));
    // What moves nothing says nothing, and fields may be indexed or not.
    let zero = [all.as_slice(), &[moved(eve, 0)]].concat();
    check(&[], &zero, Outcome::Done(vec![]));
    let fields = [to_bob.topics[1].as_slice(), to_bob.topics[2].as_slice(), &to_bob.data].concat();
    let plain = Log { topics: vec![to_bob.topics[0]], data: fields.into(), ..to_bob.clone() };
    check(&[], &[to_ann.clone(), plain, to_ann.clone()], Outcome::Done(vec![]));
    // What cannot be read may have been anything.
    let garbled = Log { data: vec![1].into(), ..to_bob };
    let unreadable = [to_ann.clone(), garbled, to_ann];
    check(&[], &unreadable, Outcome::PaidOtherwise(vec![]));
    let logs = [announced(&[1], 2), unreadable.to_vec()].concat();
    let unclear = Errand::PayMany(call.clone()).outcome(LANE, &logs);
    assert!(matches!(unclear, Outcome::Unclear(_)), "{unclear:?}");
}
