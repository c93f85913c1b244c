//! What nodes mean when they do not simply take a transaction.
//!
//! There is no standard for these texts. They are matched without regard to case, and only sorted
//! into what to do next: nothing here proves that a transaction cannot confirm.

use domain::ports::Handover;

/// The node has the transaction.
const KNOWN: &[&str] = &["already known", "alreadyknown", "already imported", "tx with same hash"];

/// The node has the transaction, if its text begins so. Within a text, these words mean other
/// things: "unknown transaction type", "to replace the existing transaction".
const KNOWN_AT_FIRST: &str = "known transaction";

/// The node wants a higher fee, on its own or because of another transaction of the same number.
const TOO_CHEAP: &[&str] = &[
    "underpriced",
    "less than block base fee",
    "lower than the pending base fee",
    "fee too low",
    "feetoolow",
    "price too low",
    "price supplied is too low",
    "is too low for the next block",
    "price below",
    "could not replace existing",
    "replacementnotallowed",
];

/// Sorts a node's refusal of a transaction.
pub(crate) fn sort(code: i64, message: &str) -> Handover {
    let text = message.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    if says(KNOWN) || text.starts_with(KNOWN_AT_FIRST) {
        return Handover::Accepted;
    }
    if says(TOO_CHEAP) {
        return Handover::Underpriced;
    }
    Handover::Refused(format!("{} ({code})", crate::revert::printable(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn all(messages: &[&str], expected: &Handover) {
        for message in messages {
            let found = match sort(-32000, message) {
                Handover::Refused(_) => Handover::Refused(String::new()),
                Handover::Accepted => Handover::Accepted,
                Handover::Underpriced => Handover::Underpriced,
                Handover::Excluded => Handover::Excluded,
            };
            assert_eq!(found, *expected, "{message}");
        }
    }

    #[test]
    fn a_transaction_that_is_there_already_is_accepted() {
        all(
            &[
                "already known",                                        // geth, reth, erigon
                "transaction already imported",                         // anvil
                "Transaction with the same hash was already imported.", // OpenEthereum
                "AlreadyKnown",                                         // Nethermind
                "AlreadyKnown, Transaction was already known.",         // Nethermind
                "Known transaction",                                    // Besu
                "Known transaction: 0x3d2f1e",                          // Hardhat
                "known transaction: 3d2f1e",                            // old geth
                "INTERNAL_ERROR: existing tx with same hash",           // Erigon
                "ALREADY_EXISTS: already known",                        // Erigon
            ],
            &Handover::Accepted,
        );
    }

    #[test]
    fn a_transaction_that_pays_too_little_is_underpriced() {
        all(
            &[
                "transaction underpriced: gas tip cap 1, minimum needed 1000000", // geth
                "replacement transaction underpriced",                            // geth, anvil
                "max fee per gas less than block base fee: address 0x1, maxFeePerGas: 1, baseFee: 2",
                "max fee per gas less than block base fee", // anvil
                "transaction gas price below minimum",
                "FeeTooLow, MaxFeePerGas too low. MaxFeePerGas: 1", // Nethermind
                "FeeTooLowToCompete",                               // Nethermind
                "ReplacementNotAllowed",                            // Nethermind
                "could not replace existing tx",                    // Erigon
                "Transaction gas price supplied is too low. There is another transaction with \
                 same nonce in the queue.", // OpenEthereum
                "fee too low",                                      // Erigon
                "Gas price below configured minimum gas price",     // Besu
                "Replacement transaction underpriced. A gasPrice/maxFeePerGas of at least 11 is \
                 necessary to replace the existing transaction with nonce 1.", // Hardhat
                "Transaction maxFeePerGas (1) is too low for the next block, which has a \
                 baseFeePerGas of 875000000", // Hardhat
            ],
            &Handover::Underpriced,
        );
    }

    #[test]
    fn everything_else_is_a_refusal_and_no_proof() {
        all(
            &[
                "nonce too low",
                "nonce too low: next nonce 5, tx nonce 4",
                "OldNonce, Current nonce: 5, nonce of rejected tx: 4",
                "insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1",
                "Insufficient funds for gas * price + value",
                "unknown transaction type",
                "transaction type not supported",
                "invalid chain id for signer: have 2 want 1",
                "invalid sender",
                "intrinsic gas too low",
                "exceeds block gas limit",
                "tip above fee cap",
                "txpool is full",
                "in-flight transaction limit reached for delegated accounts",
                "",
            ],
            &Handover::Refused(String::new()),
        );
        let told = sort(-32000, "nonce too low");
        assert_eq!(told, Handover::Refused("nonce too low (-32000)".to_owned()));
    }
}
