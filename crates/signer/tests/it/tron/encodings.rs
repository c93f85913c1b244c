//! There is one spelling of a transaction, and nothing else is signed.

use proptest::{prelude::*, sample::Index};
use signer::intent::tron::{LIFE_MS_MAX, verify};

use super::{ANY, CONTRACT, Case, FEE_MAX, MESSAGE, RAW, moment, named, native, token};
use crate::{
    wire::{self, Fields, Value, field, overlong, varint},
    world,
};

const LEVELS: [&[u64]; 4] = [RAW, CONTRACT, ANY, MESSAGE];

fn cases() -> [Case; 4] {
    [native(), token(), named("native, memo two\nlines, 9"), named("token, memo 0xdeadbeef, 10")]
}

/// Changes the bytes of one message, and expects that all the message's readers refuse them.
#[track_caller]
fn check_refused(case: &Case, path: &[u64], change: impl FnOnce(&[u8]) -> Vec<u8>) {
    let payload = wire::change(&case.unsigned.payload, path, change);
    assert_ne!(payload, case.unsigned.payload, "{path:?}");
    let why = verify(&payload, &case.lane, &case.intent).unwrap_err();
    assert!(
        why.starts_with("payload is no transaction: ") || why.starts_with("parameter is no Tr"),
        "{why}"
    );
}

#[test]
fn fields_come_in_their_order() {
    for case in cases() {
        for path in LEVELS {
            let count = count(&case, path);
            assert!(count > 1);
            for at in 1..count {
                check_refused(&case, path, |message| {
                    let mut fields = Fields::read(message);
                    fields.0.swap(at - 1, at);
                    fields.bytes()
                });
            }
        }
    }
}

fn count(case: &Case, path: &[u64]) -> usize {
    let mut count = 0;
    wire::change(&case.unsigned.payload, path, |message| {
        count = Fields::read(message).0.len();
        message.to_vec()
    });
    count
}

#[test]
fn fields_come_once() {
    for case in cases() {
        for path in LEVELS {
            for at in 0..count(&case, path) {
                // Two contracts are no matter of the encoding: they are refused elsewhere.
                let double = |message: &[u8]| {
                    let mut fields = Fields::read(message);
                    fields.0.insert(at, fields.0[at].clone());
                    fields.bytes()
                };
                let payload = wire::change(&case.unsigned.payload, path, double);
                let why = verify(&payload, &case.lane, &case.intent).unwrap_err();
                assert!(
                    why.contains("is no T") || why.contains("is no t") || why.contains("are 2")
                );
            }
            // The one that counts comes last.
            check_refused(&case, path, |message| {
                let (number, value) = Fields::read(message).0[0].clone();
                let other = match value {
                    Value::Number(it) => Value::Number(it + 1),
                    Value::Bytes(it) => Value::Bytes([it.as_slice(), &[0]].concat()),
                };
                [field(number, &other), message.to_vec()].concat()
            });
        }
    }
}

#[test]
fn unknown_fields_are_refused() {
    for case in cases() {
        for path in LEVELS {
            for number in [7, 13, 17, 19, 100, 536_870_911] {
                for value in [
                    Value::Number(0),
                    Value::Number(7),
                    Value::Bytes(vec![]),
                    Value::Bytes(vec![1]),
                ] {
                    check_refused(&case, path, |it| [it, &field(number, &value)].concat());
                    check_refused(&case, path, |it| [field(number, &value), it.to_vec()].concat());
                }
            }
            // Of eight bytes, of four bytes, and a group.
            check_refused(&case, path, |it| [it, &varint(100 << 3 | 1), &[0; 8]].concat());
            check_refused(&case, path, |it| [it, &varint(100 << 3 | 5), &[0; 4]].concat());
            let group = [varint(100 << 3 | 3), varint(100 << 3 | 4)].concat();
            check_refused(&case, path, |it| [it, &group].concat());
            // Numbers that no field has, and kinds of values that there are not.
            check_refused(&case, path, |it| [it, &[0, 0]].concat());
            check_refused(&case, path, |it| [it, &[0x0e]].concat());
            check_refused(&case, path, |it| [it, &[0x0f]].concat());
            check_refused(&case, path, |it| [it, &[0xff; 10]].concat());
        }
    }
}

/// Many groups within groups must not use up the stack.
#[test]
fn deep_nesting_is_refused() {
    for case in cases() {
        let room = 4_096 - case.unsigned.payload.len() - 16;
        for path in LEVELS {
            check_refused(&case, path, |it| [it.to_vec(), vec![0x7b; room]].concat());
        }
    }
}

#[test]
fn default_values_are_left_out() {
    for case in cases() {
        let is_token = case.intent.payments[0].asset.contract.is_some();
        for (path, numbers, texts) in [
            (RAW, [3].as_slice(), [12].as_slice()),
            (CONTRACT, &[5], &[3, 4]),
            (MESSAGE, if is_token { &[3, 5, 6] } else { &[] }, &[]),
        ] {
            let fields = numbers.iter().map(|it| (*it, Value::Number(0)));
            for (number, value) in fields.chain(texts.iter().map(|it| (*it, Value::Bytes(vec![]))))
            {
                check_refused(&case, path, |message| {
                    let mut fields = Fields::read(message);
                    fields.set(number, value);
                    fields.bytes()
                });
            }
        }
    }
    for (case, number, value) in
        [(native(), 18, Value::Number(0)), (native(), 10, Value::Bytes(vec![]))]
    {
        check_refused(&case, RAW, |raw| {
            let mut raw = Fields::read(raw);
            raw.set(number, value);
            raw.bytes()
        });
    }
}

#[test]
fn numbers_are_as_short_as_they_can_be() {
    for case in cases() {
        for path in LEVELS {
            for at in 0..count(&case, path) {
                // The field's number, and the number or the length in it.
                for which in [0, 1] {
                    check_refused(&case, path, |message| {
                        let Fields(fields) = Fields::read(message);
                        let each = fields.iter().enumerate();
                        each.flat_map(|(place, (number, value))| match (place == at, value) {
                            (false, value) => field(*number, value),
                            (true, value) => longer(*number, value, which),
                        })
                        .collect()
                    });
                }
            }
        }
        // A number of 32 bits with more above them.
        check_refused(&case, CONTRACT, |contract| {
            let mut contract = Fields::read(contract);
            let kind = contract.number(1);
            contract.set(1, Value::Number(kind | 1 << 32));
            contract.bytes()
        });
    }
}

fn longer(number: u64, value: &Value, which: u8) -> Vec<u8> {
    let (kind, first, rest) = match value {
        Value::Number(it) => (0, *it, [].as_slice()),
        Value::Bytes(it) => (2, it.len() as u64, it.as_slice()),
    };
    let tag = number << 3 | kind;
    match which {
        0 => [overlong(tag), varint(first), rest.to_vec()].concat(),
        _ => [varint(tag), overlong(first), rest.to_vec()].concat(),
    }
}

#[test]
fn a_field_of_another_kind_is_refused() {
    for case in cases() {
        for path in LEVELS {
            for at in 0..count(&case, path) {
                check_refused(&case, path, |message| {
                    let mut fields = Fields::read(message);
                    let value = &mut fields.0[at].1;
                    *value = match value {
                        Value::Number(it) => Value::Bytes(varint(*it)),
                        Value::Bytes(it) => Value::Number(it.len() as u64),
                    };
                    fields.bytes()
                });
            }
        }
    }
}

#[test]
fn parts_are_refused() {
    for case in cases() {
        let payload = &case.unsigned.payload;
        for length in 0..payload.len() {
            assert!(verify(&payload[..length], &case.lane, &case.intent).is_err(), "{length}");
            assert!(verify(&payload[length + 1..], &case.lane, &case.intent).is_err(), "{length}");
        }
        check_refused(&case, RAW, |raw| [raw, &[0]].concat());
        let mut long = case.clone();
        let memo = "7".repeat(4_096);
        long.intent.payments[0].destination.memo = Some(memo.clone());
        long.check_refused("too long", |case| {
            case.unsigned.payload = wire::change(&case.unsigned.payload, RAW, |raw| {
                let mut raw = Fields::read(raw);
                raw.set(10, Value::Bytes(memo.into_bytes()));
                raw.bytes()
            });
        });
    }
}

/// A transaction that was changed somewhere is refused, unless all that changed is which block it
/// names, when it expires, and how much of the allowed fee it may use.
fn check_mutated(case: &Case, payload: &[u8]) {
    if verify(payload, &case.lane, &case.intent).is_err() {
        return;
    }
    let found = Fields::read(payload);
    assert_eq!(found.bytes(), payload, "there is one spelling");
    let mut wanted = Fields::read(&case.unsigned.payload);
    wanted.set(1, Value::Bytes(found.get(1)[..2].to_vec()));
    wanted.set(4, Value::Bytes(found.get(4)[..8].to_vec()));
    let expiration = found.number(8);
    assert!(expiration > 0 && expiration <= moment(case) + LIFE_MS_MAX.unsigned_abs());
    wanted.set(8, Value::Number(expiration));
    if case.intent.payments[0].asset.contract.is_some() {
        let fee_limit = found.number(18);
        assert!(fee_limit > 0 && u128::from(fee_limit) <= FEE_MAX);
        wanted.set(18, Value::Number(fee_limit));
    }
    assert_eq!(found, wanted);
}

#[test]
fn every_changed_bit_is_noticed() {
    for case in cases() {
        for changed in world::flipped(&case.unsigned.payload) {
            check_mutated(&case, &changed);
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u64>().prop_map(Value::Number),
        (0..300_u64).prop_map(Value::Number),
        any::<Vec<u8>>().prop_map(Value::Bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_changes_are_noticed(
        changes in world::changes(),
        which: Index,
    ) {
        let cases = cases();
        let case = &cases[which.index(cases.len())];
        check_mutated(case, &world::mutated(&case.unsigned.payload, changes));
    }

    #[test]
    fn arbitrary_fields_are_noticed(
        changes in proptest::collection::vec(
            (0..4_usize, any::<Index>(), 1..20_u64, any_value(), any::<bool>()), 1..4),
        which: Index,
    ) {
        let cases = cases();
        let case = &cases[which.index(cases.len())];
        let mut payload = case.unsigned.payload.clone();
        // The deepest first: what is above can still be read then.
        let mut changes = changes;
        changes.sort_by_key(|it| std::cmp::Reverse(it.0));
        for (level, at, number, value, in_place) in changes {
            payload = wire::change(&payload, LEVELS[level], |message| {
                let mut fields = Fields::read(message);
                if in_place {
                    fields.set(number, value);
                } else {
                    fields.0.insert(at.index(fields.0.len() + 1), (number, value));
                }
                fields.bytes()
            });
        }
        check_mutated(case, &payload);
    }

    #[test]
    fn arbitrary_bytes_are_refused(payload: Vec<u8>, which: Index) {
        let cases = cases();
        let case = &cases[which.index(cases.len())];
        prop_assert!(verify(&payload, &case.lane, &case.intent).is_err());
    }

    /// Bytes in the place of any message.
    #[test]
    fn arbitrary_messages_are_refused(bytes: Vec<u8>, level in 0..4_usize, which: Index) {
        let cases = cases();
        let case = &cases[which.index(cases.len())];
        let payload = wire::change(&case.unsigned.payload, LEVELS[level], |_| bytes);
        prop_assert!(verify(&payload, &case.lane, &case.intent).is_err());
    }
}
