//! What contracts are asked and how they answer
//! (<https://docs.soliditylang.org/en/latest/abi-spec.html>): words of 32 bytes.

use domain::money::Amount;

use crate::address::Address;

/// A word.
pub(crate) type Word = [u8; 32];

/// `transfer(address,uint256)`.
const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
/// `balanceOf(address)`.
const BALANCE_OF: [u8; 4] = [0x70, 0xa0, 0x82, 0x31];
/// `decimals()`.
pub(crate) const DECIMALS: [u8; 4] = [0x31, 0x3c, 0xe5, 0x67];
/// `symbol()`.
pub(crate) const SYMBOL: [u8; 4] = [0x95, 0xd8, 0x9b, 0x41];
/// `paused()`.
pub(crate) const PAUSED: [u8; 4] = [0x5c, 0x97, 0x5a, 0xbb];
/// `isBlackListed(address)` of Tether's tokens and `isBlacklisted(address)` of Circle's.
const IS_BLACKLISTED: [[u8; 4]; 2] = [[0xe4, 0x7d, 0x60, 0x60], [0xfe, 0x57, 0x5a, 0x87]];

/// The Keccak-256 hash of `Transfer(address,address,uint256)`.
pub(crate) const TRANSFER_TOPIC: Word = [
    0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa,
    0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef,
];

/// The longest symbol that is read.
const SYMBOL_BYTES_MAX: usize = 64;

/// An address as contracts know it: without the network's prefix, at the end of a word.
pub(crate) fn account_word(address: &Address) -> Word {
    let mut word = [0; 32];
    word[12..].copy_from_slice(&address[1..]);
    word
}

/// An amount as a word.
pub(crate) fn amount_word(amount: Amount) -> Word {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&amount.units().to_be_bytes());
    word
}

/// The call that pays so much to somebody.
pub(crate) fn transfer(to: &Address, amount: Amount) -> Vec<u8> {
    [TRANSFER.as_slice(), &account_word(to), &amount_word(amount)].concat()
}

/// Reads what [`transfer`] writes.
pub(crate) fn read_transfer(data: &[u8]) -> Option<(Address, Amount)> {
    let words = data.strip_prefix(&TRANSFER)?;
    let (to, units) = words.split_at_checked(32)?;
    let mut address = [crate::address::PREFIX; 21];
    address[1..].copy_from_slice(to.get(12..)?);
    let amount = amount(units)?;
    (transfer(&address, amount) == data).then_some((address, amount))
}

/// The call that asks what somebody has.
pub(crate) fn balance_of(holder: &Address) -> Vec<u8> {
    [BALANCE_OF.as_slice(), &account_word(holder)].concat()
}

/// The calls one of which may tell whether somebody is on the token's blacklist.
pub(crate) fn is_blacklisted(account: &Address) -> [Vec<u8>; 2] {
    IS_BLACKLISTED.map(|selector| [selector.as_slice(), &account_word(account)].concat())
}

/// Reads a number that is an amount.
pub(crate) fn amount(word: &[u8]) -> Option<Amount> {
    let word: &Word = word.try_into().ok()?;
    let (high, low) = word.split_at(16);
    let low: [u8; 16] = low.try_into().ok()?;
    (high == [0; 16]).then(|| Amount::from_units(u128::from_be_bytes(low)))?
}

/// Reads a yes or no.
pub(crate) fn flag(word: &[u8]) -> Option<bool> {
    match amount(word)?.units() {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Reads a text: of any length, or in one word and padded with zeros, as old contracts have it.
pub(crate) fn text(output: &[u8]) -> Option<String> {
    let bytes = if output.len() == 32 {
        let end = output.iter().position(|it| *it == 0).unwrap_or(32);
        output.get(..end)?
    } else {
        let number = |at: usize| -> Option<usize> {
            usize::try_from(amount(output.get(at..at.checked_add(32)?)?)?.units()).ok()
        };
        let start = number(0)?.checked_add(32)?;
        let length = number(start.checked_sub(32)?).filter(|it| *it <= SYMBOL_BYTES_MAX)?;
        output.get(start..start.checked_add(length)?)?
    };
    String::from_utf8(bytes.to_vec()).ok()
}

/// Why a call was undone, if it says so: `Error(string)`.
pub(crate) fn reason(output: &[u8]) -> Option<String> {
    text(output.strip_prefix(&[0x08, 0xc3, 0x79, 0xa0])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: Address = [0x41; 21];

    #[test]
    fn a_transfer_is_read_as_it_was_written_and_nothing_else_is() {
        let data = transfer(&TO, Amount::MAX);
        assert_eq!(data.len(), 68);
        assert_eq!(read_transfer(&data), Some((TO, Amount::MAX)));
        for at in 0..16 {
            let mut other = data.clone();
            other[at] ^= 0x80;
            assert_eq!(read_transfer(&other), None, "byte {at}");
        }
        assert_eq!(read_transfer(&data[..67]), None);
        assert_eq!(read_transfer(&[data.clone(), vec![0]].concat()), None);
        assert_eq!(read_transfer(&[]), None);
    }

    #[test]
    fn texts_of_both_kinds_are_read_and_nonsense_is_none() {
        let word = |number: u8| [[0; 31].as_slice(), &[number]].concat();
        let long = [word(32), word(4), b"USDT".to_vec(), vec![0; 28]].concat();
        assert_eq!(text(&long).as_deref(), Some("USDT"));
        let mut short = b"MKR".to_vec();
        short.resize(32, 0);
        assert_eq!(text(&short).as_deref(), Some("MKR"));
        for nonsense in [
            vec![],
            vec![0xff; 64],
            [word(32), word(65), vec![b'a'; 96]].concat(),
            [word(32), word(40), vec![0; 32]].concat(),
            [word(255), word(1)].concat(),
        ] {
            assert_eq!(text(&nonsense), None, "{nonsense:?}");
        }
        let told = [vec![0x08, 0xc3, 0x79, 0xa0], long].concat();
        assert_eq!(reason(&told).as_deref(), Some("USDT"));
    }

    #[test]
    fn numbers_that_are_no_amount_are_none() {
        assert_eq!(amount(&[0xff; 32]), None);
        assert_eq!(amount(&[0; 31]), None);
        assert_eq!(flag(&amount_word(Amount::from_units(2).unwrap())), None);
    }
}
