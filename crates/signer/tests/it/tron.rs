//! Transactions of Tron: equal to what `TronWeb` makes (`transactions.mjs` of the rail, checked by
//! `transactions.py`), and refused if anything differs.

use std::{collections::BTreeMap, sync::LazyLock};

use domain::{
    catalog::{Destination, Network},
    chore::{Chore, TopUp},
    ids::{AssetId, LaneId, NetworkId},
    money::Amount,
    ports::{Intent, UnsignedTx},
};
use serde_json::Value as Json;
use signer::{LocalSigner, Policy, intent::tron::verify};

use crate::{
    wire::{self, Fields, Value},
    world::{self, Case, amount, payment},
};

mod encodings;

const BOB: &str = "TCjow1qG4ZvDNj5ZRCF2RSuS2kMCGKK1JJ";
const CAROL: &str = "TKUwMQUhHTADfAtfG4gAHwXFGa3PYDieMJ";
const USDD: &str = "TXDk8mbtRbXeYuMNS83CfKPaYYT8XWv9Hz";
const HOUR_MS: u64 = 60 * 60 * 1_000;
const FEE_MAX: u128 = 40_000_000;

/// Where messages are: the transaction itself, its contract, the `Any` in it, and what that holds.
const RAW: &[u64] = &[];
const CONTRACT: &[u64] = &[11];
const ANY: &[u64] = &[11, 2];
const MESSAGE: &[u64] = &[11, 2, 2];

static VECTORS: LazyLock<Vec<Json>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../rail-tron/tests/data/transactions.json")).unwrap()
});

fn text(value: &Json) -> String {
    value.as_str().unwrap().to_owned()
}

fn network() -> Network {
    Network { family: "tron".to_owned(), ..world::network(1) }
}

/// The case of a vector, with an amount that is perhaps another.
fn case_with(vector: &Json, units: u128) -> Case {
    let mut lane = world::lane();
    lane.address = text(&vector["owner"]);
    lane.key_path = text(&vector["key_path"]);
    let sequence = vector["timestamp"].as_u64();
    let fee_max = amount(u128::from(vector["fee_limit"].as_u64().unwrap()));
    let mut payment = payment(vector["contract"].as_str(), vector["to"].as_str().unwrap(), units);
    payment.destination.memo = vector["memo"].as_str().map(str::to_owned);
    Case {
        lane,
        unsigned: UnsignedTx {
            format: "tron",
            payload: hex::decode(text(&vector["raw_data_hex"])).unwrap(),
            sequences_used: 1,
            spends: vec![],
            sequence,
            fee_max,
        },
        intent: Intent {
            network: network(),
            chore: None,
            payments: vec![payment],
            fee_max,
            sequence,
            spends: vec![],
        },
        policy: Policy::default(),
    }
}

fn named(name: &str) -> Case {
    let vector = VECTORS.iter().find(|it| it["name"] == name).unwrap();
    let mut case = case_with(vector, text(&vector["amount"]).parse().unwrap());
    case.intent.fee_max = amount(FEE_MAX);
    case.unsigned.fee_max = amount(FEE_MAX);
    case
}

fn native() -> Case {
    named("native, 1000000 sun")
}

fn token() -> Case {
    named("token, 1500000 units")
}

#[test]
fn signs_all_that_tronweb_signs() {
    let signer = LocalSigner::new(world::keystore(), Policy::default());
    let (mut signed, mut beyond) = (0, 0);
    for vector in VECTORS.iter() {
        let name = &vector["name"];
        let units = text(&vector["amount"]).parse::<u128>().ok();
        let Some(units) = units.filter(|it| Amount::from_units(*it).is_some()) else {
            let case = case_with(vector, Amount::MAX.units());
            assert!(case.sign_by(&signer).unwrap_err().contains("data of the call"), "{name}");
            beyond += 1;
            continue;
        };
        let signature = case_with(vector, units).sign_by(&signer).unwrap();
        assert_eq!(hex::encode(signature), text(&vector["signature"]), "{name}");
        signed += 1;
    }
    assert_eq!((signed, beyond), (103, 2));
}

#[test]
fn imported_keys_sign() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keystore");
    let mut random = |buffer: &mut [u8]| (1..).zip(buffer).for_each(|(at, byte)| *byte = at);
    let secret = "15f0bbb1774be40b7a8d7965d637f324bda2f711fc5726a3dcc19585c6950954";
    signer::Keystore::create(&path, "correct horse battery", &mut random).unwrap();
    let keystore =
        signer::Keystore::add_key(&path, "correct horse battery", "hot", secret, &mut random);
    let signer = LocalSigner::new(keystore.unwrap(), Policy::default());
    let mut case = native();
    let derived = case.sign().unwrap();
    case.lane.key_path = "imported:hot".to_owned();
    assert_eq!(case.sign_by(&signer).unwrap(), derived);
}

/// Changes one message of the transaction, and nothing of the intent.
#[track_caller]
fn check_field(case: &Case, path: &[u64], expected: &str, change: impl FnOnce(&mut Fields)) {
    case.check_refused(expected, |case| {
        case.unsigned.payload = wire::change(&case.unsigned.payload, path, |message| {
            let mut fields = Fields::read(message);
            change(&mut fields);
            fields.bytes()
        });
    });
}

#[track_caller]
fn check_number(case: &Case, path: &[u64], number: u64, value: u64, expected: &str) {
    check_field(case, path, expected, |it| it.set(number, Value::Number(value)));
}

#[track_caller]
fn check_bytes(case: &Case, path: &[u64], number: u64, value: &[u8], expected: &str) {
    check_field(case, path, expected, |it| it.set(number, Value::Bytes(value.to_vec())));
}

/// -1 as protobuf writes it.
const MINUS_ONE: u64 = u64::MAX;

fn moment(case: &Case) -> u64 {
    case.intent.sequence.unwrap()
}

#[test]
fn a_frame_that_differs_in_a_field_is_refused() {
    for case in [native(), token()] {
        assert!(case.sign().is_ok());
        for length in [1, 3, 8] {
            check_bytes(&case, RAW, 1, &vec![7; length], "ref_block_bytes has ");
        }
        for length in [1, 7, 9, 32] {
            check_bytes(&case, RAW, 4, &vec![7; length], "ref_block_hash has ");
        }
        check_field(&case, RAW, "ref_block_bytes has 0 bytes, 2 are meant", |it| it.remove(1));
        check_field(&case, RAW, "ref_block_hash has 0 bytes, 8 are meant", |it| it.remove(4));
        check_number(&case, RAW, 3, 1, "ref_block_num is 1, 0 is meant");
        check_number(&case, RAW, 3, MINUS_ONE, "ref_block_num is -1");
        check_bytes(&case, RAW, 9, b"\x12\x01a", "auths: there are some");
        check_bytes(&case, RAW, 9, &[], "auths: there are some");
        check_bytes(&case, RAW, 12, &[0], "scripts: there are some");
        check_bytes(&case, RAW, 10, b"7", "data (the memo) is 37 in the transaction,  in the");
        let moment = moment(&case);
        for other in [moment + 1, moment - 1, MINUS_ONE, 1] {
            check_number(&case, RAW, 14, other, "timestamp is ");
        }
        check_field(&case, RAW, "timestamp is 0 in the transaction", |it| it.remove(14));
        check_field(&case, RAW, "contract: there are 0, one is meant", |it| it.remove(11));
        check_field(&case, RAW, "contract: there are 2, one is meant", |it| {
            let contract = it.get(11).to_vec();
            let at = it.0.iter().position(|(number, _)| *number == 11).unwrap();
            it.0.insert(at, (11, Value::Bytes(contract)));
        });
    }
}

#[test]
fn a_transaction_lives_for_a_day_at_most() {
    for case in [native(), token()] {
        let latest = moment(&case) + 25 * HOUR_MS;
        check_number(&case, RAW, 8, latest + 1, "expiration is ");
        check_number(&case, RAW, 8, u64::MAX / 2, "expiration is 9223372036854775807");
        check_number(&case, RAW, 8, MINUS_ONE, "expiration is -1, 1 to ");
        check_field(&case, RAW, "expiration is 0, 1 to ", |it| it.remove(8));
        for good in [1, moment(&case), latest] {
            let mut case = case.clone();
            case.unsigned.payload = wire::change(&case.unsigned.payload, RAW, |raw| {
                let mut raw = Fields::read(raw);
                raw.set(8, Value::Number(good));
                raw.bytes()
            });
            assert!(case.sign().is_ok(), "{good}");
        }
    }
}

#[test]
fn a_contract_that_differs_in_a_field_is_refused() {
    let other_kinds = [0, 2, 4, 30, 46, 49, 57, 60, MINUS_ONE];
    for (case, kind, other) in [(native(), 1, 31), (token(), 31, 1)] {
        for found in other_kinds.into_iter().chain([other]) {
            check_field(&case, CONTRACT, "contract type is ", |it| {
                it.remove(1);
                if found != 0 {
                    it.set(1, Value::Number(found));
                }
            });
        }
        check_number(&case, CONTRACT, 1, other, &format!("{other}, {kind} is meant"));
        check_bytes(&case, CONTRACT, 3, b"a", "provider: there are some");
        check_bytes(&case, CONTRACT, 4, b"a", "ContractName: there are some");
        for permission in [1, 2, 3, MINUS_ONE] {
            check_number(&case, CONTRACT, 5, permission, "Permission_id is ");
        }
        check_field(&case, CONTRACT, "parameter is missing", |it| it.remove(2));
        let right = if kind == 1 { "TransferContract" } else { "TriggerSmartContract" };
        for wrong in [
            "type.googleapis.com/protocol.TransferAssetContract".to_owned(),
            format!("type.googleapis.com/protocol.{right} "),
            format!("type.googleapis.com/{right}"),
            format!("/protocol.{right}"),
            format!("protocol.{right}"),
            format!("type.googleapis.com/protocol.{}", right.to_lowercase()),
        ] {
            check_bytes(&case, ANY, 1, wrong.as_bytes(), "type_url is ");
        }
        check_field(&case, ANY, "type_url is \"\"", |it| it.remove(1));
        check_bytes(&case, ANY, 1, &[0xff], "payload is no transaction");
    }
    // One kind that calls itself the other, and says what the other says.
    let (one, other) = (native(), token());
    one.check_refused("type_url is ", |case| {
        let any = Fields::read(Fields::read(Fields::read(&other.unsigned.payload).get(11)).get(2));
        case.unsigned.payload = wire::change(&case.unsigned.payload, ANY, |_| any.bytes());
    });
}

#[test]
fn coins_that_go_elsewhere_are_refused() {
    let case = native();
    let carol = address_bytes(CAROL);
    check_bytes(&case, MESSAGE, 1, &carol, &format!("owner_address is {CAROL} in the transaction"));
    check_bytes(&case, MESSAGE, 2, &carol, &format!("to_address is {CAROL} in the transaction"));
    for (number, name) in [(1, "owner_address is "), (2, "to_address is ")] {
        let payload = &case.unsigned.payload;
        let message =
            Fields::read(Fields::read(Fields::read(Fields::read(payload).get(11)).get(2)).get(2));
        let right = message.get(number).to_vec();
        check_field(&case, MESSAGE, name, |it| it.remove(number));
        check_bytes(&case, MESSAGE, number, &right[1..], name);
        check_bytes(&case, MESSAGE, number, &[&[0xa0], &right[1..]].concat(), name);
        check_bytes(&case, MESSAGE, number, &[right.as_slice(), &[0]].concat(), name);
    }
    for other in [999_999, 1_000_001, 1, u64::MAX / 2, MINUS_ONE, MINUS_ONE - 999_999] {
        check_number(&case, MESSAGE, 3, other, "amount is ");
    }
    check_field(&case, MESSAGE, "amount is 0 in the transaction, 1000000", |it| it.remove(3));
    check_field(&case, ANY, "owner_address is ", |it| it.remove(2));
}

#[test]
fn tokens_that_go_elsewhere_are_refused() {
    let case = token();
    let (carol, usdd) = (address_bytes(CAROL), address_bytes(USDD));
    check_bytes(&case, MESSAGE, 1, &carol, &format!("owner_address is {CAROL} in the transaction"));
    check_bytes(
        &case,
        MESSAGE,
        2,
        &usdd,
        &format!("contract_address is {USDD} in the transaction"),
    );
    check_bytes(&case, MESSAGE, 2, &usdd[1..], "contract_address is ");
    check_field(&case, MESSAGE, "owner_address is ", |it| it.remove(1));
    check_field(&case, MESSAGE, "contract_address is ", |it| it.remove(2));
    check_field(&case, MESSAGE, "data of the call is ", |it| it.remove(4));
    for (number, name) in [(3, "call_value"), (5, "call_token_value"), (6, "token_id")] {
        check_number(&case, MESSAGE, number, 1, &format!("{name} is 1, 0 is meant"));
        check_number(&case, MESSAGE, number, MINUS_ONE, &format!("{name} is -1, 0 is meant"));
    }
    let change_data = |change: &dyn Fn(&mut Vec<u8>)| {
        check_field(&case, MESSAGE, "data of the call is ", |it| {
            let mut data = it.get(4).to_vec();
            change(&mut data);
            it.set(4, Value::Bytes(data));
        });
    };
    // approve(address,uint256), and transferFrom's selector.
    change_data(&|data| data[..4].copy_from_slice(&[0x09, 0x5e, 0xa7, 0xb3]));
    change_data(&|data| data[..4].copy_from_slice(&[0x23, 0xb8, 0x72, 0xdd]));
    change_data(&|data| data[35] ^= 1);
    change_data(&|data| data[67] ^= 1);
    change_data(&|data| data[36] = 1);
    // Bytes that a contract would ignore; the prefix was sent there by old tools.
    change_data(&|data| data[4] = 1);
    change_data(&|data| data[15] = 0x41);
    change_data(&|data| data.truncate(67));
    change_data(&|data| data.extend([0; 32]));
    change_data(&|data| data.truncate(4));
}

fn address_bytes(text: &str) -> Vec<u8> {
    bitcoin::base58::decode_check(text).unwrap()
}

#[test]
fn an_intent_that_differs_is_refused() {
    for case in [native(), token()] {
        let to = |case: &mut Case, text: &str| {
            case.intent.payments[0].destination.address = text.to_owned();
        };
        case.check_refused("in the intent", |case| to(case, CAROL));
        case.check_refused("in the intent", |case| case.intent.payments[0].amount = amount(1));
        case.check_refused("amount: 0 cannot be paid", |case| {
            case.intent.payments[0].amount = amount(0);
        });
        case.check_refused("payments: the intent has none", |case| case.intent.payments.clear());
        case.check_refused("payments: one transaction makes one, not 2", |case| {
            case.intent.payments.push(case.intent.payments[0].clone());
        });
        case.check_refused("is the lane itself", |case| to(case, &case.lane.address.clone()));
        for wrong in [
            "",
            "T",
            "TCjow1qG4ZvDNj5ZRCF2RSuS2kMCGKK1JK",
            " TCjow1qG4ZvDNj5ZRCF2RSuS2kMCGKK1JJ",
            "411e5fb653b0d00d037f9da8fd08da7b0f31bd64ad",
            "0xdAC17F958D2ee523a2206206994597C13D831ec7",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        ] {
            case.check_refused("destination: ", |case| to(case, wrong));
            case.check_refused("lane: ", |case| case.lane.address = wrong.to_owned());
        }
        case.check_refused("asset", |case| {
            case.intent.payments[0].asset.network = NetworkId::new("other");
        });
        case.check_refused("no network of family tron", |case| {
            case.intent.network.family = "evm".into();
        });
        case.check_refused("spends: this format spends no coins", |case| {
            case.intent.spends = vec![domain::ids::CoinId::new("1:0")];
            case.unsigned.spends = case.intent.spends.clone();
        });
    }
    native().check_refused("fee_limit is 0", |case| {
        case.intent.payments[0].asset.contract = Some(USDD.into());
    });
    native().check_refused("asset is ETH@net", |case| {
        case.intent.network.fee_asset = AssetId::new("TRX@net");
    });
    native().check_refused("amount: 9223372036854775808 cannot be paid", |case| {
        case.intent.payments[0].amount = amount(1 << 63);
    });
    token().check_refused("fee_limit is 30000000, 0 is meant", |case| {
        case.intent.payments[0].asset.contract = None;
    });
    token().check_refused("contract_address is ", |case| {
        case.intent.payments[0].asset.contract = Some(USDD.into());
    });
    token().check_refused("contract: \"0x12\" in the intent is no address", |case| {
        case.intent.payments[0].asset.contract = Some("0x12".into());
    });
    token().check_refused("is the token's contract", |case| {
        let payment = &mut case.intent.payments[0];
        payment.destination.address = payment.asset.contract.clone().unwrap();
    });
}

#[test]
fn a_number_that_differs_is_refused() {
    for case in [native(), token()] {
        let moment = moment(&case);
        case.check_refused("sequence differs", |case| case.intent.sequence = None);
        case.check_refused("sequence differs", |case| case.unsigned.sequence = Some(moment + 1));
        for (number, expected) in [
            (None, "timestamp: the intent names no sequence"),
            (Some(moment + 1), "timestamp is "),
            (Some(moment - 1), "timestamp is "),
            (Some(0), "timestamp: 0 is no time"),
            (Some(1 << 63), "timestamp: 9223372036854775808 is no time"),
            (Some(u64::MAX), "timestamp: 18446744073709551615 is no time"),
        ] {
            case.check_refused(expected, |case| {
                case.intent.sequence = number;
                case.unsigned.sequence = number;
            });
        }
    }
    // A transaction without a moment is none either.
    native().check_refused("timestamp: 0 is no time", |case| {
        case.intent.sequence = Some(0);
        case.unsigned.sequence = Some(0);
        case.unsigned.payload = wire::change(&case.unsigned.payload, RAW, |raw| {
            let mut raw = Fields::read(raw);
            raw.remove(14);
            raw.bytes()
        });
    });
}

#[test]
fn memos_are_the_intents() {
    for case in [named("native, memo заказ № 42, 10"), named("token, memo заказ № 42, 10")]
    {
        assert!(case.sign().is_ok());
        let memo = |case: &mut Case, memo: Option<&str>| {
            case.intent.payments[0].destination.memo = memo.map(str::to_owned);
        };
        let expected = "data (the memo) is ";
        case.check_refused(expected, |case| memo(case, None));
        case.check_refused(expected, |case| memo(case, Some("заказ № 43")));
        case.check_refused(expected, |case| memo(case, Some("заказ № 42 ")));
        case.check_refused("memo: the intent has an empty one", |case| memo(case, Some("")));
        check_field(&case, RAW, expected, |it| it.remove(10));
        check_bytes(&case, RAW, 10, b"42", expected);
        // The same letters in another encoding (UTF-16), and hexadecimal digits of the same bytes.
        let utf_16: Vec<u8> = "заказ № 42".encode_utf16().flat_map(u16::to_be_bytes).collect();
        check_bytes(&case, RAW, 10, &utf_16, expected);
        check_bytes(&case, RAW, 10, hex::encode("заказ № 42").as_bytes(), expected);
    }
    for case in [native(), token()] {
        case.check_refused("data (the memo) is ", |case| {
            case.intent.payments[0].destination.memo = Some("7".to_owned());
        });
    }
}

#[test]
fn fees_have_limits() {
    for other in [1, 30_000_000, MINUS_ONE] {
        check_number(&native(), RAW, 18, other, "fee_limit is ");
    }
    let case = token();
    check_field(&case, RAW, "fee_limit is 0, 1 to 15000000000 is meant", |it| it.remove(18));
    check_number(&case, RAW, 18, MINUS_ONE, "fee_limit is -1, 1 to ");
    check_number(&case, RAW, 18, 40_000_001, "fee_limit is 40000001, above fee_max 40000000");
    let mut rich = case.clone();
    rich.intent.fee_max = Amount::MAX;
    check_number(&rich, RAW, 18, 15_000_000_001, "fee_limit is 15000000001, 1 to ");
    check_number(&rich, RAW, 18, u64::MAX / 2, "fee_limit is 9223372036854775807, 1 to ");
    case.check_refused("fee_limit is 30000000, above fee_max 29999999", |case| {
        case.intent.fee_max = amount(29_999_999);
        case.unsigned.fee_max = amount(29_999_999);
    });
    case.check_refused("fee_max is above the intent's", |case| {
        case.intent.fee_max = amount(30_000_000);
    });
    let mut exact = case.clone();
    exact.intent.fee_max = amount(30_000_000);
    exact.unsigned.fee_max = amount(30_000_000);
    let limit = |units| Policy {
        fee_max_limits: BTreeMap::from([(NetworkId::new("net"), amount(units))]),
        ..Policy::default()
    };
    exact.policy = limit(30_000_000);
    assert!(exact.sign().is_ok());
    exact.check_refused("above the signer's limit", |case| case.policy = limit(29_999_999));
}

#[test]
fn a_lane_signs_with_its_own_key_only() {
    let case = native();
    // Whoever owns the coins is named by the transaction, and by the key once more.
    case.check_refused("owner_address is ", |case| case.lane.address = BOB.into());
    for path in ["m/44'/195'/1'/0/0", "m/44'/60'/0'/0/0", "m/84'/195'/0'/0/0"] {
        case.check_refused("address of net/hot", |case| case.lane.key_path = path.into());
    }
    case.check_refused("address of net/hot", |case| {
        case.lane.address = BOB.into();
        let bob = address_bytes(BOB);
        case.unsigned.payload = wire::change(&case.unsigned.payload, MESSAGE, |message| {
            let mut message = Fields::read(message);
            message.set(1, Value::Bytes(bob));
            message.bytes()
        });
    });
    case.check_refused("key_path", |case| case.lane.key_path = "imported:none".into());
    case.check_refused("network", |case| case.lane.network = NetworkId::new("other"));
    case.check_refused("format", |case| case.unsigned.format = "tron2");
    case.check_refused("family evm", |case| case.unsigned.format = "eip1559");
    case.check_refused("switched off", |case| case.unsigned.format = "sim1");
}

#[test]
fn coins_are_brought_to_our_own_wallets_only() {
    for mut good in [native(), token()] {
        let to = good.intent.payments[0].destination.address.clone();
        let top_up = Chore::TopUp(TopUp {
            to: LaneId::new("net/other"),
            destination: Destination { address: to.clone(), memo: None },
            asset: good.intent.payments[0].asset.id.clone(),
            amount: good.intent.payments[0].amount,
        });
        good.intent.chore = Some(top_up);
        good.check_refused("no other lane's", |_| {});
        let own = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|it| (*it).to_owned()).collect();
            let lane_addresses = BTreeMap::from([(NetworkId::new("net"), addresses)]);
            Policy { lane_addresses, ..Policy::default() }
        };
        good.policy = own(&[&good.lane.address, &to]);
        assert!(good.sign().is_ok());
        good.check_refused("no other lane's", |it| it.policy = own(&[&it.lane.address]));
        good.check_refused("in the intent", |it| it.intent.payments[0].amount = amount(8));
        good.check_refused("payments", |it| {
            it.intent.payments.push(it.intent.payments[0].clone());
        });
        check_number(&good, RAW, 3, 1, "ref_block_num is 1");
    }
}

#[test]
fn there_are_no_other_chores() {
    for case in [native(), token()] {
        for chore in [
            Chore::Fill { sequence: moment(&case) },
            Chore::Prepare("freeze".to_owned()),
            Chore::Prepare("delegate".to_owned()),
        ] {
            case.check_refused("nothing that this signer knows", |case| {
                case.intent.payments.clear();
                case.intent.chore = Some(chore.clone());
            });
            case.check_refused("payments: 1 in a chore", |case| case.intent.chore = Some(chore));
        }
        let intent = Intent { chore: Some(Chore::Prepare("freeze".to_owned())), ..case.intent };
        let why = verify(&case.unsigned.payload, &case.lane, &intent).unwrap_err();
        assert!(why.contains("nothing that this signer knows"), "{why}");
    }
}
