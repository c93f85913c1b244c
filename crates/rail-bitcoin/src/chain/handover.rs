//! What nodes mean when they do not simply take a transaction.
//!
//! The words are those of Bitcoin Core, from which all nodes of the family come
//! (<https://github.com/bitcoin/bitcoin/blob/master/src/validation.cpp>). They are only sorted into
//! what to do next: nothing here proves that a transaction cannot confirm.

use domain::ports::Handover;

/// The node has the transaction, waiting or in a block.
const KNOWN: &[&str] = &[
    "txn-already-in-mempool",
    "txn-already-known",
    "txn-same-nonwitness-data-in-mempool",
    "already in block chain",
    "outputs already in utxo set",
];

/// The node wants a higher fee, on its own, now that many wait, or for a replacement.
const TOO_CHEAP: &[&str] =
    &["insufficient fee", "min relay fee not met", "mempool min fee not met", "mempool full"];

/// How much of a node's words is kept, in characters.
const WORDS_MAX: usize = 200;

/// Sorts a node's refusal of a transaction.
pub(super) fn sort(message: &str) -> Handover {
    let text = message.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    if says(KNOWN) {
        Handover::Accepted
    } else if says(TOO_CHEAP) {
        Handover::Underpriced
    } else {
        Handover::Refused(printable(message))
    }
}

/// The beginning of a foreign text, without what a terminal would act on.
pub(super) fn printable(text: &str) -> String {
    let shown = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    shown.take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sorted() {
        for known in [
            "Transaction already in block chain", // until Core 24, Litecoin
            "Transaction outputs already in utxo set", // since Core 25
            "txn-already-in-mempool",             // Core
            "txn-already-known",                  // Core
            "sendrawtransaction RPC error -27: Transaction outputs already in utxo set", // electrs
        ] {
            assert_eq!(sort(known), Handover::Accepted, "{known}");
        }
        for cheap in [
            "min relay fee not met, 10 < 110",
            "mempool min fee not met, 10 < 110",
            "insufficient fee, rejecting replacement 00; new feerate 0.00001 BTC/kvB <= old feerate",
            "insufficient fee (code 66)",
            "insufficient feerate: does not improve feerate diagram",
            "mempool full",
            "sendrawtransaction RPC error: {\"code\":-26,\"message\":\"min relay fee not met\"}",
        ] {
            assert_eq!(sort(cheap), Handover::Underpriced, "{cheap}");
        }
        for refused in [
            "bad-txns-inputs-missingorspent",
            "Missing inputs",
            "txn-mempool-conflict",
            "too many potential replacements",
            "dust",
            "too-long-mempool-chain, too many descendants",
            "bad-txns-in-belowout, value in (1) < value out (2)",
            "TX decode failed. Make sure the tx has at least one input.",
            "",
        ] {
            assert_eq!(sort(refused), Handover::Refused(refused.to_owned()));
        }
    }

    #[test]
    fn words_are_kept_short_and_printable() {
        let long = format!("no\u{1b}[2J\n{}", "x".repeat(10_000));
        let Handover::Refused(words) = sort(&long) else { panic!("{long}") };
        assert!(words.starts_with("no [2J xxx") && words.chars().count() == WORDS_MAX, "{words}");
    }
}
