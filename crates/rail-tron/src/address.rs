//! Which texts are addresses on TRON, and how each is spelled.
//!
//! An address is the byte `0x41` and 20 more, written in base58check (`T…`) or, by tools, in
//! hexadecimal (<https://developers.tron.network/docs/account#account-address-format>).

use domain::catalog::{Destination, DestinationError, Network};

/// Longer than any address of any network; longer texts are refused unread.
const TEXT_BYTES_MAX: usize = 128;

/// The first byte of every address.
pub(crate) const PREFIX: u8 = 0x41;

/// The bytes of an address, the prefix among them.
pub(crate) type Address = [u8; 21];

/// The catalog's parameter that says how long a memo may be; none is sent without it.
pub(crate) const MEMO_BYTES_MAX: &str = "memo_bytes_max";

/// The genesis account that exists to burn coins (`TLsV52sRDL79HXGGm9yzwKibb6BeruhUzy`).
const BLACK_HOLE: [u8; 20] = [
    0x77, 0x94, 0x4d, 0x19, 0xc0, 0x52, 0xb7, 0x3e, 0xe2, 0x28, 0x68, 0x23, 0xaa, 0x83, 0xf8, 0x13,
    0x8c, 0xb7, 0x03, 0x2f,
];

/// Checks a destination and gives its canonical spelling, in base58check.
///
/// # Errors
/// Says, for the merchant, why the network cannot pay it.
pub fn parse_destination(
    network: &Network,
    text: &str,
    memo: Option<&str>,
) -> Result<Destination, DestinationError> {
    let memo = memo.map(|memo| checked_memo(network, memo)).transpose()?;
    let bytes = parse(text).map_err(|reason| DestinationError::Address(reason.to_owned()))?;
    Ok(Destination { address: spelled(&bytes), memo })
}

/// A memo costs what the network charges for one, so it is sent only where the operator says so.
fn checked_memo(network: &Network, memo: &str) -> Result<String, DestinationError> {
    let most = network.parameters.get(MEMO_BYTES_MAX).and_then(|it| it.parse::<usize>().ok());
    let wrong = match most.unwrap_or(0) {
        0 => format!("no memo is sent on {}: leave it out", network.title),
        _ if memo.is_empty() => "it is empty: leave it out".to_owned(),
        most if memo.len() > most => format!("it has more than {most} bytes"),
        _ => return Ok(memo.to_owned()),
    };
    Err(DestinationError::Memo(wrong))
}

/// The canonical spelling of an address.
pub(crate) fn spelled(address: &Address) -> String {
    bs58::encode(address).with_check().into_string()
}

/// Reads an address that anybody could pay.
pub(crate) fn parse(text: &str) -> Result<Address, &'static str> {
    if text.len() > TEXT_BYTES_MAX {
        return Err("the text is longer than any address");
    }
    if text.starts_with("0x") {
        return Err("0x… is the spelling of other networks: give the T… address");
    }
    let mut bytes = [0; 21];
    if text.len() != 42 || hex::decode_to_slice(text, &mut bytes).is_err() {
        let decoded = bs58::decode(text).with_check(None).into_vec();
        let decoded = decoded.map_err(|_| "a character is wrong, missing or too many")?;
        bytes = decoded.try_into().map_err(|_| "base58 text, but not an address")?;
    }
    let [prefix, account @ ..] = bytes;
    if prefix != PREFIX {
        return Err("an address of another network");
    }
    if account.starts_with(&[0; 16]) {
        return Err("this address is a burn address or part of the network itself");
    }
    if account == BLACK_HOLE {
        return Err("the black hole account burns what it gets");
    }
    Ok(bytes)
}
