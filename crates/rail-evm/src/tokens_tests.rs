//! Tests of what is concluded about tokens.

use alloy_primitives::{address, hex};
use domain::ids::{AssetId, NetworkId};

use super::*;

const TOKEN: Address = address!("0xdAC17F958D2ee523a2206206994597C13D831ec7");

fn asset(symbols: &[&str]) -> Asset {
    Asset {
        id: AssetId::new("USDT@testnet"),
        network: NetworkId::new("testnet"),
        ticker: "USDT".to_owned(),
        title: "Tether USD".to_owned(),
        decimals: 6,
        contract: Some(TOKEN.to_string()),
        stablecoin: true,
        symbols: symbols.iter().map(|it| (*it).to_owned()).collect(),
    }
}

fn word(number: u64) -> Answer {
    Answer::Returned(U256::from(number).to_be_bytes_vec().into())
}

fn string(text: &str) -> Answer {
    Answer::Returned(text.to_owned().abi_encode().into())
}

fn old_string(text: &[u8]) -> Answer {
    let mut word = [0; 32];
    word[..text.len()].copy_from_slice(text);
    Answer::Returned(Bytes::copy_from_slice(&word))
}

fn found(symbols: &[&str], decimals: &Answer, symbol: &Answer) -> Option<String> {
    let code = Bytes::from_static(&[0x60]);
    difference(&asset(symbols), TOKEN, &code, decimals, symbol)
}

#[test]
fn symbols_are_compared_exactly_in_both_spellings() {
    for symbol in [string("USDT"), old_string(b"USDT")] {
        assert_eq!(found(&[], &word(6), &symbol), None);
    }
    assert_eq!(found(&["USD₮0"], &word(6), &string("USD₮0")), None);
    assert_eq!(found(&["USD₮0"], &word(6), &string("USDT")), None);
    for other in ["usdt", "USDt", "USDT ", "USDT0", "", "USD\u{20ae}"] {
        let told = found(&["USD₮0"], &word(6), &string(other)).unwrap();
        assert!(told.contains("symbol()") && told.contains("USDT or USD₮0"), "{told}");
    }
    let zeros_within = old_string(b"US\0DT");
    assert!(found(&[], &word(6), &zeros_within).is_some());
    let empty = asset(&[""]);
    let code = Bytes::from_static(&[0x60]);
    assert!(difference(&empty, TOKEN, &code, &word(6), &old_string(b"")).is_some());
}

#[test]
fn what_is_no_text_is_no_symbol() {
    let garbled = |digits: &str| Answer::Returned(hex::decode(digits).unwrap().into());
    let of_words = |words: &[u64]| {
        let words = words.iter().flat_map(|it| U256::from(*it).to_be_bytes::<32>());
        Answer::Returned(words.collect())
    };
    let huge = u64::MAX;
    for symbol in [
        Answer::Undone("no such function".to_owned()),
        garbled(""),
        garbled("55534454"),
        garbled(&format!("ff{}", "0".repeat(62))),
        of_words(&[32, huge]),
        of_words(&[huge, 4]),
        of_words(&[32, 4]),
    ] {
        let told = found(&[], &word(6), &symbol).unwrap();
        assert!(told.contains("tells no text"), "{told}");
    }
}

#[test]
fn a_difference_names_the_contract_what_was_found_and_what_to_do() {
    let told = found(&[], &word(18), &string("USDT")).unwrap();
    let expected = "USDT@testnet is stopped: decimals() of contract \
         0xdAC17F958D2ee523a2206206994597C13D831ec7 tells 18, and the catalog says 6; correct the \
         asset's row in the catalog";
    assert_eq!(told, expected);
    for none in [Answer::Undone(String::new()), Answer::Returned(Bytes::from_static(&[6]))] {
        assert!(found(&[], &none, &string("USDT")).unwrap().contains("tells no number"));
    }
    // 6 in the last byte is not enough.
    let large = Answer::Returned(U256::from_limbs([6, 0, 0, 1]).to_be_bytes_vec().into());
    assert!(found(&[], &large, &string("USDT")).is_some());
    let nobody = difference(&asset(&[]), TOKEN, &Bytes::new(), &word(6), &string("USDT")).unwrap();
    assert!(nobody.contains("there is no contract at 0xdAC17F95"), "{nobody}");
    let told = found(&[], &word(6), &string(&"\u{7}x".repeat(10_000))).unwrap();
    assert!(told.len() < 1_000 && !told.contains('\u{7}'), "{told}");
}

#[test]
fn a_truth_is_one_word_that_is_zero_or_one() {
    assert_eq!((word(0).truth(), word(1).truth()), (Some(false), Some(true)));
    assert_eq!(word(2).truth(), None);
    for length in [0, 31, 33, 64] {
        assert_eq!(Answer::Returned(vec![0; length].into()).truth(), None, "{length}");
    }
    assert_eq!(Answer::Undone("paused".to_owned()).truth(), None);
}

#[test]
fn only_what_is_said_of_the_call_is_an_answer() {
    let refused = |code, message: &str| {
        let message = message.to_owned();
        Answer::of(Err(RpcError::Refused { code, message, data: None }))
    };
    assert!(matches!(refused(3, "execution reverted"), Ok(Answer::Undone(_))));
    assert!(matches!(refused(-32_000, "execution reverted"), Ok(Answer::Undone(_))));
    for (code, message) in [(-32_005, "rate limit exceeded"), (-32_000, "header not found")] {
        assert_eq!(refused(code, message), Err(Unreachable), "{message}");
    }
    assert_eq!(Answer::of(Err(RpcError::Unreachable("lost".to_owned()))), Err(Unreachable));
    assert_eq!(Answer::of(Ok(json!("0x0g"))), Err(Unreachable));
    assert_eq!(Answer::of(Ok(Value::Null)), Err(Unreachable));
    assert_eq!(Answer::of(Ok(json!("0x"))), Ok(Answer::Returned(Bytes::new())));
}

#[test]
fn a_token_that_paid_otherwise_stays_stopped() {
    let tokens = Tokens::default();
    tokens.paid_otherwise(TOKEN, B256::repeat_byte(7));
    tokens.learn(TOKEN, Standing::Good(Habits::default()));
    tokens.forget(TOKEN);
    let standing = tokens.standings().get(&TOKEN).cloned();
    assert_eq!(standing, Some(Standing::PaidOtherwise(B256::repeat_byte(7))));
}
