//! Transactions as nodes write them, Litecoin's among them.
//!
//! Litecoin marks transactions with a confidential part by one more flag and writes that part before
//! the lock time ([LIP-2](https://github.com/litecoin-project/lips/blob/master/lip-0002.mediawiki)).
//! The identifier of a transaction does not depend on it, nor does what can be spent of it here, so
//! it is left out; the identifier shows that nothing else was. A transaction of nothing but a
//! confidential part is none at all here: what it pays to the outside is an output of the transaction
//! that ends its block.

use bitcoin::{
    Transaction, Txid,
    absolute::LockTime,
    consensus::{Decodable as _, encode::deserialize},
    hex::FromHex as _,
    transaction::Version,
};

/// Flags after the marker of an extended transaction: there are witnesses (BIP-144).
const WITNESSES: u8 = 1;

/// Flags after the marker of an extended transaction: there is a confidential part.
const CONFIDENTIAL: u8 = 8;

/// What a text holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A transaction.
    Whole(Transaction),
    /// One that is nothing but confidential.
    Confidential,
}

/// Reads the transaction with this identifier; nothing if the text holds anything else.
pub(super) fn decode(hex: &str, txid: Txid) -> Option<Transaction> {
    match content(hex, txid)? {
        Content::Whole(tx) => Some(tx),
        Content::Confidential => None,
    }
}

/// The same, or that there is nothing to read but a confidential part.
pub(super) fn content(hex: &str, txid: Txid) -> Option<Content> {
    let bytes = Vec::from_hex(hex).ok()?;
    let tx = match bytes.get(4..6) {
        Some([0, flags]) if flags & CONFIDENTIAL != 0 => without_confidential(&bytes, *flags)?,
        Some(_) | None => deserialize(&bytes).ok()?,
    };
    if tx.input.is_empty() && tx.output.is_empty() {
        return Some(Content::Confidential);
    }
    (tx.compute_txid() == txid).then_some(Content::Whole(tx))
}

fn without_confidential(bytes: &[u8], flags: u8) -> Option<Transaction> {
    let (mut rest, last) = bytes.split_last_chunk::<4>()?;
    let version = Version::consensus_decode(&mut rest).ok()?;
    rest = rest.get(2..)?;
    let mut tx = Transaction {
        version,
        input: Vec::consensus_decode(&mut rest).ok()?,
        output: Vec::consensus_decode(&mut rest).ok()?,
        lock_time: LockTime::from_consensus(u32::from_le_bytes(*last)),
    };
    if flags & WITNESSES != 0 {
        for input in &mut tx.input {
            input.witness = bitcoin::Witness::consensus_decode(&mut rest).ok()?;
        }
    }
    Some(tx)
}

#[cfg(test)]
mod tests {
    use bitcoin::consensus::encode::serialize_hex;

    use super::*;

    /// The first transaction of Bitcoin's block 170, without a witness.
    const PLAIN: &str = "0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd3704000000004847304402204e45e16932b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4acdd12909d831cc56cbbac4622082221a8768d1d0901ffffffff0200ca9a3b00000000434104ae1a62fe09c5f51b13905f07f06b99a2f7159b2225f374cd378d71302fa28414e7aab37397f554a7df5f142c21c1b7303b8a0626f1baded5c72a704f7e6cd84cac00286bee0000000043410411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3ac00000000";
    const PLAIN_ID: &str = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16";

    #[test]
    fn a_transaction_is_the_one_that_was_asked_for() {
        let txid: Txid = PLAIN_ID.parse().unwrap();
        let tx = decode(PLAIN, txid).unwrap();
        assert_eq!(serialize_hex(&tx), PLAIN);
        let other: Txid = PLAIN_ID.replace('f', "e").parse().unwrap();
        assert_eq!(decode(PLAIN, other), None);
        for broken in ["", "00", "zz", &PLAIN[..100], &format!("{PLAIN}00")] {
            assert_eq!(decode(broken, txid), None, "{broken}");
        }
    }

    #[test]
    fn a_confidential_part_is_left_out() {
        let txid: Txid = PLAIN_ID.parse().unwrap();
        let (body, lock_time) = PLAIN[8..].split_at(PLAIN.len() - 16);
        for part in ["00", "0102030405"] {
            let text = format!("{}0008{body}{part}{lock_time}", &PLAIN[..8]);
            assert_eq!(decode(&text, txid), decode(PLAIN, txid));
            let with_witness = format!("{}0009{body}0101aa{part}{lock_time}", &PLAIN[..8]);
            let tx = decode(&with_witness, txid).unwrap();
            assert_eq!(tx.input[0].witness.to_vec(), [[0xaa]]);
        }
        let nothing_else = "020000000008000001020304c3010000";
        assert_eq!(content(nothing_else, txid), Some(Content::Confidential));
        assert_eq!(decode(nothing_else, txid), None);
        for cut in 0..24 {
            let text = format!("{}0009{body}00{lock_time}", &PLAIN[..8]);
            assert_eq!(decode(&text[..cut], txid), None);
        }
    }
}
