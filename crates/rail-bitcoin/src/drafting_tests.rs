//! No coin is lost, everybody is paid exactly, and the fee is what was asked for.

use std::collections::BTreeMap;

use bitcoin::{Txid, hashes::Hash};
use proptest::{collection::vec, prelude::*};

use super::*;

const DUST_SAT_PER_KVB: u64 = 3_000;

fn script(kind: u8, number: u8) -> ScriptBuf {
    let bytes = match kind % 5 {
        0 => [vec![0, 20], vec![number; 20]].concat(),
        1 => [vec![0x51, 32], vec![number; 32]].concat(),
        2 => [vec![0, 32], vec![number; 32]].concat(),
        3 => [vec![0xa9, 20], vec![number; 20], vec![0x87]].concat(),
        _ => [vec![0x76, 0xa9, 20], vec![number; 20], vec![0x88, 0xac]].concat(),
    };
    ScriptBuf::from(bytes)
}

fn lane(kind: LaneKind) -> ScriptBuf {
    match kind {
        LaneKind::P2wpkh => script(0, 255),
        LaneKind::P2tr => script(1, 255),
    }
}

fn payment(kind: u8, number: u8, amount_sat: u64) -> Payment {
    Payment { script: script(kind, number), amount_sat }
}

fn coins(first: u8, values: &[u64]) -> Vec<Coin> {
    let coin = |(at, value): (u32, &u64)| {
        // Several outputs of one transaction, in no order.
        let txid = Txid::from_byte_array([first.wrapping_add((at * 37 % 11) as u8); 32]);
        Coin { outpoint: OutPoint { txid, vout: at }, value_sat: *value }
    };
    (0..).zip(values).map(coin).collect()
}

/// An order that can be changed.
#[derive(Clone, Debug)]
struct Wish {
    kind: LaneKind,
    payments: Vec<Payment>,
    coins: Vec<Coin>,
    required: Vec<Coin>,
    price: Price,
    later: u64,
    fee_max_sat: u64,
}

impl Wish {
    fn draft(&self) -> Result<Draft, Unmade> {
        let order = Order {
            lane: &lane(self.kind),
            payments: &self.payments,
            coins: &self.coins,
            required: &self.required,
            price: self.price,
            later_sat_per_kvb: self.later,
            dust_sat_per_kvb: DUST_SAT_PER_KVB,
            fee_max_sat: self.fee_max_sat,
        };
        order.draft()
    }

    fn of(payments: Vec<Payment>, values: &[u64], rate: u64) -> Self {
        Self {
            kind: LaneKind::P2wpkh,
            payments,
            coins: coins(0, values),
            required: vec![],
            price: Price::of_rate(rate),
            later: 5_000,
            fee_max_sat: u64::MAX,
        }
    }
}

/// The transaction with the longest signatures there are.
fn signed(draft: &Draft, kind: LaneKind) -> Transaction {
    let mut tx = draft.tx.clone();
    for input in &mut tx.input {
        input.witness = match kind {
            LaneKind::P2wpkh => Witness::from_slice(&[vec![1; 71], vec![1; 33]]),
            LaneKind::P2tr => Witness::from_slice(&[vec![1; 64]]),
        };
    }
    tx
}

/// What must hold of every transaction that is made.
fn check(wish: &Wish, draft: &Draft) {
    let tx = signed(draft, wish.kind);
    assert_eq!(tx.vsize() as u64, draft.vsize);
    assert!(tx.weight().to_wu() <= WEIGHT_MAX);

    // No coin is lost, none is spent twice, and all that must be spent are.
    let outpoints: Vec<OutPoint> = tx.input.iter().map(|it| it.previous_output).collect();
    let spent: Vec<OutPoint> = draft.spent.iter().map(|it| it.outpoint).collect();
    assert_eq!(outpoints, spent);
    let known: BTreeMap<OutPoint, u64> =
        wish.coins.iter().chain(&wish.required).map(|it| (it.outpoint, it.value_sat)).collect();
    assert!(draft.spent.iter().all(|it| known[&it.outpoint] == it.value_sat));
    assert_eq!(BTreeSet::from_iter(&spent).len(), spent.len());
    assert!(wish.required.iter().all(|it| spent.contains(&it.outpoint)));
    let inputs: u64 = draft.spent.iter().map(|it| it.value_sat).sum();
    let outputs: u64 = tx.output.iter().map(|it| it.value.to_sat()).sum();
    assert_eq!(inputs, outputs + draft.fee_sat);

    // Everybody is paid exactly, and beside that there is the change or nothing.
    let mut wanted: Vec<(ScriptBuf, u64)> =
        wish.payments.iter().map(|it| (it.script.clone(), it.amount_sat)).collect();
    wanted.extend(draft.change_sat.map(|sat| (lane(wish.kind), sat)));
    let found = tx.output.iter().map(|it| (it.script_pubkey.clone(), it.value.to_sat()));
    let mut found: Vec<(ScriptBuf, u64)> = found.collect();
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted);

    // The fee is what was asked for: exactly that with change, less than change would be worth more
    // without, and never above the ceiling.
    let asked = wish.price.fee_sat(draft.vsize);
    let changed = signed(draft, wish.kind).vsize() as u64 + 43;
    let input = Shape::new(wish.kind, []).input_wu().div_ceil(4);
    let worth = 330.max(fees::of_size(wish.later, input) + 1);
    match draft.change_sat {
        Some(sat) => {
            assert_eq!(draft.fee_sat, asked);
            let dust = lock::dust_limit_sat(DUST_SAT_PER_KVB, &lane(wish.kind));
            assert!(sat >= dust);
            assert!(sat > fees::of_size(wish.later, input) || asked + sat > wish.fee_max_sat);
        }
        None => {
            assert!(draft.fee_sat >= asked);
            assert!(draft.fee_sat <= wish.price.fee_sat(changed + 2) + worth);
        }
    }
    assert!(draft.fee_sat <= wish.fee_max_sat);

    // The order of BIP-69.
    let written = |it: &OutPoint| (it.txid.to_string(), it.vout);
    assert!(outpoints.is_sorted_by_key(written));
    assert!(tx.output.is_sorted_by_key(|it| (it.value, it.script_pubkey.clone())));
    assert!(tx.input.iter().all(|it| it.sequence.is_rbf() && !it.sequence.is_relative_lock_time()));
}

fn prices() -> impl Strategy<Value = Price> {
    let plain = (1..300_000_u64).prop_map(Price::of_rate);
    let replacing =
        (1..300_000_u64, 0..200_000_u64, 100..5_000_u64).prop_map(|(rate, fee, more)| Price {
            rate_sat_per_kvb: rate,
            replaced_fee_sat: fee,
            increment_sat_per_kvb: more,
        });
    prop_oneof![plain, replacing]
}

fn wishes() -> impl Strategy<Value = Wish> {
    let kinds = prop_oneof![Just(LaneKind::P2wpkh), Just(LaneKind::P2tr)];
    let payments = vec((0..5_u8, 0..200_u8, 600..3_000_000_u64), 0..30);
    let values = || vec(prop_oneof![1..5_000_u64, 5_000..4_000_000_u64], 0..20);
    let fee_max = prop_oneof![Just(u64::MAX), 1_000..2_000_000_u64];
    (kinds, payments, values(), vec(1..2_000_000_u64, 0..4), prices(), 0..30_000_u64, fee_max)
        .prop_map(|(kind, payments, values, required, price, later, fee_max_sat)| Wish {
            kind,
            payments: payments.into_iter().map(|(it, of, sat)| payment(it, of, sat)).collect(),
            coins: coins(0, &values),
            required: coins(100, &required),
            price,
            later,
            fee_max_sat,
        })
}

/// Whether there is a transaction if the ceiling is left out of account.
fn can(wish: &Wish) -> bool {
    Wish { fee_max_sat: u64::MAX, ..wish.clone() }.draft().is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn money_is_kept(wish in wishes()) {
        match wish.draft() {
            Ok(draft) => {
                check(&wish, &draft);
                let mut turned = wish.clone();
                turned.coins.reverse();
                turned.required.reverse();
                turned.payments.reverse();
                prop_assert_eq!(turned.draft(), Ok(draft), "the order of what is given is no matter");
            }
            Err(Unmade::Short { missing_sat }) => {
                prop_assert!(missing_sat > 0);
                prop_assert!(!can(&wish));
                // With what is missing and the fee of one coin more, it can be.
                let mut richer = wish.clone();
                let fee = wish.price.fee_sat(1_000);
                richer.coins.extend(coins(200, &[missing_sat.saturating_add(fee)]));
                prop_assert!(can(&richer));
            }
            Err(Unmade::AboveCeiling { fee_sat }) => {
                prop_assert!(fee_sat > wish.fee_max_sat);
                prop_assert!(can(&wish));
            }
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}

#[test]
fn a_replacement_keeps_all_inputs_and_adds_if_it_must() {
    let payments = vec![payment(0, 1, 100_000), payment(4, 2, 50_000)];
    let first = Wish::of(payments, &[200_000, 90_000, 80_000], 5_000);
    let before = first.draft().unwrap();
    check(&first, &before);
    for rate in [10_000, 100_000, 300_000, 600_000] {
        let price = fees::replacement(
            fees::Paid { fee_sat: before.fee_sat, vsize: before.vsize },
            0,
            rate,
            1_000,
        );
        let wish = Wish { required: before.spent.clone(), price, ..first.clone() };
        let draft = wish.draft().unwrap();
        check(&wish, &draft);
        assert!(draft.fee_sat >= before.fee_sat + fees::of_size(1_000, draft.vsize));
        assert_eq!(draft.spent.len() > before.spent.len(), rate >= 600_000, "{rate}");
    }
}

#[test]
fn dust_is_neither_paid_nor_made() {
    let of = |amounts: &[u64]| {
        let payments = (1..).zip(amounts).map(|(number, sat)| payment(0, number, *sat)).collect();
        Wish::of(payments, &[500_000], 1_000).draft()
    };
    assert_eq!(of(&[1_000, 293, 294, 1]), Err(Unmade::Dust { places: vec![1, 3] }));
    let draft = |amount| of(&[amount]).unwrap();
    // One input and two outputs are 141 virtual bytes; change is worth 341 at the least, for it
    // costs 340 to spend some time.
    assert_eq!(draft(500_000 - 141 - 341).change_sat, Some(341));
    assert_eq!(draft(500_000 - 141 - 340).change_sat, None);
    assert_eq!(draft(500_000 - 141 - 340).fee_sat, 481);
    assert_eq!(draft(500_000 - 110).fee_sat, 110);
    assert_eq!(of(&[500_000 - 109]), Err(Unmade::Short { missing_sat: 1 }));
}

#[test]
fn the_ceiling_holds_or_makes_change_of_little_use() {
    let with = |amount: u64, fee_max_sat| {
        let wish = Wish::of(vec![payment(0, 1, amount)], &[500_000], 1_000);
        let wish = Wish { fee_max_sat, ..wish };
        let draft = wish.draft();
        if let Ok(draft) = &draft {
            check(&wish, draft);
        }
        draft.map(|it| (it.fee_sat, it.change_sat))
    };
    assert_eq!(with(400_000, 141), Ok((141, Some(99_859))));
    assert_eq!(with(400_000, 140), Err(Unmade::AboveCeiling { fee_sat: 141 }));
    assert_eq!(with(500_000 - 141 - 300, 441), Ok((441, None)));
    assert_eq!(with(500_000 - 141 - 300, 440), Ok((141, Some(300))));
    assert_eq!(with(500_000 - 141 - 293, 433), Err(Unmade::AboveCeiling { fee_sat: 434 }));
}

#[test]
fn coins_that_cost_more_than_they_are_worth_are_left() {
    let wish = Wish::of(vec![payment(0, 1, 100_000)], &[99_000, 6_000, 5_000, 5_000], 100_000);
    let Err(Unmade::Short { missing_sat }) = wish.draft() else { panic!() };
    // 99,000 are there, and 110 virtual bytes at 100 satoshi are to be paid for.
    assert_eq!(missing_sat, 12_000);
}

#[test]
fn what_has_no_room_is_told() {
    let payments: Vec<Payment> = (0..4_000).map(|_| payment(0, 1, 1_000)).collect();
    let wish = Wish::of(payments, &[10_000_000_000], 1_000);
    let Err(Unmade::Heavy { fits }) = wish.draft() else { panic!() };
    let of = |count: usize| {
        let mut fewer = wish.clone();
        fewer.payments.truncate(count);
        fewer.draft()
    };
    // 400,000 weight units, less 42 + 2 + 2 + 271 for the rest and one input, 124 for each output
    // and as much for the change.
    assert_eq!(fits, 3_222);
    check(&Wish { payments: wish.payments[..fits].to_vec(), ..wish.clone() }, &of(fits).unwrap());
    assert_eq!(of(fits + 1), Err(Unmade::Heavy { fits }));

    // Enough coins for all, but more than there is room for.
    let many = Wish::of(vec![payment(0, 1, 15_000_000)], &[10_000; 2_000], 1_000);
    assert_eq!(many.draft(), Err(Unmade::Heavy { fits: 0 }));
    let few = Wish { payments: vec![payment(0, 1, 14_000_000)], ..many };
    check(&few, &few.draft().unwrap());
}

#[test]
fn coins_are_gathered_into_one() {
    let mut wish = Wish::of(vec![], &[900_000], 1_000);
    wish.required = coins(9, &[1_000; 100]);
    let draft = wish.draft().unwrap();
    check(&wish, &draft);
    assert_eq!((draft.spent.len(), draft.tx.output.len()), (100, 1));
    wish.required = vec![];
    let draft = wish.draft().unwrap();
    assert_eq!(draft.change_sat, Some(900_000 - 110), "one coin to itself, if nothing else");
}

#[test]
fn a_strange_script_is_no_lane() {
    let order = Order {
        lane: &script(3, 1),
        payments: &[],
        coins: &[],
        required: &[],
        price: Price::default(),
        later_sat_per_kvb: 0,
        dust_sat_per_kvb: 0,
        fee_max_sat: 0,
    };
    assert_eq!(order.draft(), Err(Unmade::NoLane));
}
