//! Whether a node says that a call would be undone, and the contract's reason.
//!
//! Nodes agree on little: geth and anvil answer with code 3 and the returned data, Hardhat with
//! code -32603 and nested data, older ones with code -32015 and the data after a word.

use alloy_primitives::hex;
use alloy_sol_types::{Panic, Revert, SolError};
use serde_json::Value;

/// A foreign text of any length is shown up to this many characters.
const SHOWN_CHARACTERS: usize = 200;

/// What nodes say when the call itself fails, whoever asks and however often; in small letters and
/// without spaces, because one says "stack underflow" and another `StackUnderflow`.
const FAILS: &[&str] = &[
    "executionreverted",
    "revertedwith",
    "transactionreverted",
    "vmexecutionerror",
    "vmexceptionwhileprocessingtransaction",
    "executionfailedduetoanexception",
    // Code that is none.
    "invalidopcode",
    "opcodenotfound",
    "invalidfeopcode",
    "evmerrornotactivated",
    "evmerror:notactivated",
    "badinstruction",
    "invalidcode:mustnotbegin",
    "codeisinvalid",
    // Jumps and data that are not there.
    "invalidjump",
    "badjumpdestination",
    "outofoffset",
    "returndataoutofbounds",
    "accessviolation",
    // The stack, and calls within calls.
    "stackunderflow",
    "stackoverflow",
    "stacklimit",
    "outofstack",
    "maxcalldepthexceeded",
    "calltoodeep",
    // Writing where one may only read.
    "writeprotection",
    "statechangeduringstaticcall",
    "callnotallowedinsidestatic",
    "staticcallviolation",
    "illegalstatechange",
    // Precompiled contracts.
    "precompileerror",
    "precompilefailure",
    // More gas than anything may take.
    "gasrequiredexceeds",
    "outofgas",
    "gasuint64overflow",
    "cannotestimategas,gasspentexceeded",
];

/// The reason, in words, if this error means that the call would be undone; `None` if it says
/// nothing about the call.
pub(crate) fn reason(code: i64, message: &str, data: Option<&Value>) -> Option<String> {
    let mut text = message.to_lowercase();
    text.retain(|it| !it.is_whitespace());
    if code != 3 && !FAILS.iter().any(|phrase| text.contains(phrase)) {
        return None;
    }
    let decoded = data.and_then(returned).and_then(|bytes| words(&bytes));
    Some(match decoded {
        Some(words) => format!("the contract refuses: {}", printable(&words)),
        None => format!("the network would undo it: {}", printable(message)),
    })
}

/// A foreign text made fit for logs and pages: short, and without control characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(SHOWN_CHARACTERS).collect()
}

/// The data that the call returned, wherever the node put it.
fn returned(data: &Value) -> Option<Vec<u8>> {
    let text = match data {
        Value::String(text) => text,
        Value::Object(fields) => return returned(fields.get("data")?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
    };
    let digits = text.rsplit_once("0x").map_or(text.as_str(), |(_, digits)| digits);
    hex::decode(digits.trim()).ok()
}

fn words(returned: &[u8]) -> Option<String> {
    if let Ok(revert) = Revert::abi_decode(returned) {
        return Some(revert.reason);
    }
    if let Ok(panic) = Panic::abi_decode(returned) {
        return Some(format!("panic {:#x}", panic.code));
    }
    let selector = returned.first_chunk::<4>()?;
    Some(format!("error {}", hex::encode_prefixed(selector)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `Error("Blacklisted")`.
    const BLACKLISTED: &str = concat!(
        "0x08c379a0",
        "0000000000000000000000000000000000000000000000000000000000000020",
        "000000000000000000000000000000000000000000000000000000000000000b",
        "426c61636b6c6973746564000000000000000000000000000000000000000000",
    );

    #[test]
    fn the_contracts_words_are_found_wherever_a_node_puts_them() {
        let expected = Some("the contract refuses: Blacklisted".to_owned());
        let geth = "execution reverted: Blacklisted";
        assert_eq!(reason(3, geth, Some(&json!(BLACKLISTED))), expected);
        let hardhat = "VM Exception while processing transaction: reverted with reason string";
        let nested = json!({"message": hardhat, "data": BLACKLISTED});
        assert_eq!(reason(-32603, hardhat, Some(&nested)), expected);
        let prefixed = json!(format!("Reverted {BLACKLISTED}"));
        assert_eq!(reason(-32015, "VM execution error.", Some(&prefixed)), expected);
    }

    #[test]
    fn without_words_there_is_still_a_reason() {
        let plain = Some("the network would undo it: execution reverted".to_owned());
        assert_eq!(reason(3, "execution reverted", None), plain);
        assert_eq!(reason(3, "execution reverted", Some(&json!("0x"))), plain);
        assert_eq!(reason(-32000, "execution reverted", Some(&json!([1]))), plain);
        let custom = reason(3, "execution reverted", Some(&json!("0xe450d38c00")));
        assert_eq!(custom.unwrap(), "the contract refuses: error 0xe450d38c");
        let overflow = format!("0x4e487b71{:0>64}", "11");
        let panic = reason(3, "execution reverted", Some(&json!(overflow)));
        assert_eq!(panic.unwrap(), "the contract refuses: panic 0x11");
    }

    #[test]
    fn whatever_ends_a_call_is_a_reason() {
        for fails in [
            "invalid opcode: INVALID",                                   // geth, erigon
            "invalid opcode: opcode 0xc not defined",                    // geth
            "gas required exceeds allowance (50000000)",                 // geth
            "stack underflow (0 <=> 1)",                                 // geth, erigon
            "stack limit reached 1024 (1023)",                           // geth, erigon
            "invalid jump destination",                                  // geth, erigon
            "write protection",                                          // geth, erigon
            "return data out of bounds",                                 // geth, erigon
            "gas uint64 overflow",                                       // geth
            "invalid code: must not begin with 0xef",                    // geth
            "max call depth exceeded",                                   // geth
            "out of gas",                                                // geth, nethermind
            "EVM error StackUnderflow",                                  // anvil
            "EVM error InvalidFEOpcode",                                 // anvil
            "EVM error OpcodeNotFound",                                  // anvil
            "EVM error InvalidJump",                                     // anvil
            "Out of gas: gas required exceeds allowance: 30000000",      // anvil
            "EVM error: StackOverflow",                                  // reth
            "EVM error: CallNotAllowedInsideStatic",                     // reth
            "out of gas: gas required exceeds: 50000000",                // reth
            "VM Exception while processing transaction: invalid opcode", // hardhat
            "Transaction ran out of gas",                                // hardhat
            "StackUnderflow",                                            // nethermind
            "BadInstruction",                                            // nethermind
            "StaticCallViolation",                                       // nethermind
            "Bad jump destination",                                      // besu
            "Illegal state change",                                      // besu
        ] {
            let found = reason(-32000, fails, None);
            assert_eq!(found, Some(format!("the network would undo it: {fails}")));
        }
    }

    #[test]
    fn other_errors_say_nothing_about_the_call() {
        for other in [
            "header not found",
            "missing trie node",
            "insufficient funds for transfer",
            "Insufficient funds for gas * price + value",
            "rate limit exceeded",
            "the method eth_estimateGas does not exist",
            "request timed out",
            "EVM error: database error: failed to get account",
            "execution aborted (timeout = 5s)",
            "internal error",
            "block range is out of bounds",
        ] {
            assert_eq!(reason(-32000, other, None), None, "{other}");
        }
    }

    #[test]
    fn foreign_texts_are_cut_and_cleaned() {
        let text = format!("a\u{1b}[31m\n{}", "x".repeat(10_000));
        let shown = printable(&text);
        assert_eq!(shown.chars().count(), SHOWN_CHARACTERS);
        assert!(shown.starts_with("a[31mx"));
    }
}
