//! Which texts are addresses on TON, and how each is spelled.
//!
//! An address is a workchain and the hash of a contract's first state. It is written raw
//! (`0:` and 64 hexadecimal digits) or user-friendly: 36 bytes in base64 with flags and a CRC-16
//! (TEP-2, <https://github.com/ton-blockchain/TEPs/blob/master/text/0002-address.md>).
//! One contract has many user-friendly spellings. The canonical one is the non-bounceable `UQ…`,
//! which wallets show as a receiver's address; whether a message really bounces depends on what is
//! found at the address when it is paid, so the flag that came with the text is not kept.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use crc::{CRC_16_XMODEM, Crc};
use domain::catalog::{Destination, DestinationError, Network};

/// Longer than any address of any network; longer texts are refused unread.
const TEXT_BYTES_MAX: usize = 128;

/// What fits into one cell after the comment's four bytes of operation code.
const MEMO_BYTES_MAX: usize = 123;

/// How long a user-friendly address is, in characters.
const FRIENDLY_CHARACTERS: usize = 48;

const CHECKSUM: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

const TAG_BOUNCEABLE: u8 = 0x11;
const TAG_NON_BOUNCEABLE: u8 = 0x51;
const TAG_TEST_ONLY: u8 = 0x80;

const BASECHAIN: u8 = 0;
const MASTERCHAIN: u8 = 0xff;

/// A workchain (as the byte of its signed number) and the hash in it.
struct Account {
    workchain: u8,
    hash: [u8; 32],
}

/// Checks a destination and gives its canonical spelling.
///
/// # Errors
/// Says, for the merchant, why the network cannot pay it.
pub fn parse_destination(
    _network: &Network,
    text: &str,
    memo: Option<&str>,
) -> Result<Destination, DestinationError> {
    let account = parse(text).map_err(|reason| DestinationError::Address(reason.to_owned()))?;
    if let Some(memo) = memo {
        check_memo(memo).map_err(|reason| DestinationError::Memo(reason.to_owned()))?;
    }
    Ok(Destination { address: account.spell(), memo: memo.map(str::to_owned) })
}

impl Account {
    fn spell(&self) -> String {
        let mut bytes = [&[TAG_NON_BOUNCEABLE, self.workchain], self.hash.as_slice()].concat();
        bytes.extend(CHECKSUM.checksum(&bytes).to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn parse(text: &str) -> Result<Account, &'static str> {
    if text.len() > TEXT_BYTES_MAX {
        return Err("the text is longer than any address");
    }
    if text.contains('.') {
        return Err("names are not resolved: give the address");
    }
    let account = match text.split_once(':') {
        Some((workchain, hash)) => from_raw(workchain, hash)?,
        None => from_friendly(text)?,
    };
    if account.workchain != BASECHAIN && account.workchain != MASTERCHAIN {
        return Err("no such workchain");
    }
    if account.hash == [0; 32] {
        return Err("the zero address burns what it gets");
    }
    if account.workchain == MASTERCHAIN && [[0x33; 32], [0x55; 32]].contains(&account.hash) {
        return Err("this address is part of the network itself");
    }
    Ok(account)
}

fn from_raw(workchain: &str, hash: &str) -> Result<Account, &'static str> {
    let workchain = match workchain {
        "0" => BASECHAIN,
        "-1" => MASTERCHAIN,
        _ => return Err("no such workchain"),
    };
    let mut account = Account { workchain, hash: [0; 32] };
    hex::decode_to_slice(hash, &mut account.hash)
        .map_err(|_| "a raw address is the workchain, a colon and 64 hexadecimal digits")?;
    Ok(account)
}

/// Takes either alphabet of base64, but not a mixture.
fn from_friendly(text: &str) -> Result<Account, &'static str> {
    let malformed = "an address of this network is 48 characters of base64";
    if text.len() != FRIENDLY_CHARACTERS {
        return Err(malformed);
    }
    let alphabet =
        if text.contains(['-', '_']) { BASE64_URL_SAFE_NO_PAD } else { BASE64_STANDARD_NO_PAD };
    let bytes = alphabet.decode(text).map_err(|_| malformed)?;
    let (body, checksum) = bytes.split_last_chunk::<2>().ok_or(malformed)?;
    if CHECKSUM.checksum(body).to_be_bytes() != *checksum {
        return Err("the checksum does not match: a character is wrong");
    }
    let [tag, workchain, hash @ ..] = <[u8; 34]>::try_from(body).map_err(|_| malformed)?;
    match tag {
        TAG_BOUNCEABLE | TAG_NON_BOUNCEABLE => Ok(Account { workchain, hash }),
        _ if tag & TAG_TEST_ONLY != 0 => Err("the address is marked for test networks only"),
        _ => Err("the address has unknown flags"),
    }
}

fn check_memo(memo: &str) -> Result<(), &'static str> {
    if memo.is_empty() {
        return Err("the memo is empty: leave it out");
    }
    if memo.len() > MEMO_BYTES_MAX {
        return Err("the memo is longer than 123 bytes");
    }
    if memo.contains(char::is_control) {
        return Err("the memo has control characters");
    }
    Ok(())
}
