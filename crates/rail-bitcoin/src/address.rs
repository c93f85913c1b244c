//! Which texts are addresses on a network of the Bitcoin family, and how each is spelled.

use bitcoin::{
    base58,
    bech32::{Fe32, segwit},
    secp256k1::XOnlyPublicKey,
};
use domain::catalog::{Destination, DestinationError, Network};

use crate::{cashaddr, rules::Rules};

/// Longer than any address of any network; longer texts are refused unread.
const TEXT_BYTES_MAX: usize = 128;

/// Bitcoin's version byte of a script's hash, which Litecoin used before it had its own.
const BITCOIN_P2SH: u8 = 5;

/// Checks a destination and gives its canonical spelling.
///
/// # Errors
/// Says, for the merchant, why the network cannot pay it.
pub fn parse_destination(
    network: &Network,
    text: &str,
    memo: Option<&str>,
) -> Result<Destination, DestinationError> {
    if memo.is_some() {
        return Err(DestinationError::Memo(format!(
            "{} carries no memo: leave it out",
            network.title
        )));
    }
    let rules = Rules::of(network).map_err(|error| DestinationError::Address(error.0))?;
    let address = canonical(&rules, text).map_err(DestinationError::Address)?;
    Ok(Destination { address, memo: None })
}

/// Base58 is tried first: its checksum tells it from all other forms, while a prefix does not (an
/// address of Litecoin may well begin with `LTC1`).
fn canonical(rules: &Rules<'_>, text: &str) -> Result<String, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err("the text is longer than any address".to_owned());
    }
    if let Ok(bytes) = base58::decode_check(text) {
        return from_base58(rules, &bytes);
    }
    let lower = text.to_ascii_lowercase();
    let begins = |hrp: &str| lower.strip_prefix(hrp).is_some_and(|rest| rest.starts_with('1'));
    if rules.mweb_hrp.is_some_and(begins) {
        return Err("MWEB addresses cannot be paid: give a transparent address".to_owned());
    }
    if let Some(hrp) = rules.hrp
        && begins(hrp)
    {
        return from_segwit(hrp, text);
    }
    if let Some(prefix) = rules.cashaddr_prefix
        && let Some((version, hash)) = cashaddr::decode(prefix, text)
    {
        return from_cashaddr(prefix, version, &hash);
    }
    if is_payment_link(rules, text) {
        return Err("a payment link: give the address in it alone".to_owned());
    }
    let title = rules.title;
    Err(match segwit::decode(text) {
        Ok((hrp, ..)) => format!("{hrp}1… addresses are not addresses of {title}"),
        Err(_) => format!("not an address of {title}: a character is wrong, missing or too many"),
    })
}

/// Whether a text has what stands around an address in a payment link (BIP 21). Where there are
/// cashaddr addresses, a prefix is none.
fn is_payment_link(rules: &Rules<'_>, text: &str) -> bool {
    let scheme = text.split_once(':').map(|it| it.0).filter(|_| rules.cashaddr_prefix.is_none());
    let is_scheme = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphabetic());
    scheme.is_some_and(is_scheme) || text.contains('?')
}

fn from_base58(rules: &Rules<'_>, bytes: &[u8]) -> Result<String, String> {
    let Ok([version, hash @ ..]) = <[u8; 21]>::try_from(bytes) else {
        return Err("base58 text, but not an address".to_owned());
    };
    let is_legacy = version == BITCOIN_P2SH && version != rules.p2sh;
    if is_legacy && rules.legacy_p2sh == Some(false) {
        let own = base58::encode_check(&[&[rules.p2sh], hash.as_slice()].concat());
        let (title, first) = (rules.title, own.chars().next().unwrap_or_default());
        return Err(format!(
            "3… is Bitcoin's spelling of an address: give the one of {title}, {first}…"
        ));
    }
    let is_script = version == rules.p2sh || (is_legacy && rules.legacy_p2sh == Some(true));
    if !is_script && version != rules.p2pkh {
        return Err(format!("an address of another network than {}", rules.title));
    }
    refuse_zeros(&hash)?;
    Ok(match rules.cashaddr_prefix {
        Some(prefix) if is_script => cashaddr::encode(prefix, cashaddr::SCRIPT_HASH, &hash),
        Some(prefix) => cashaddr::encode(prefix, cashaddr::KEY_HASH, &hash),
        None => {
            let version = if is_script { rules.p2sh } else { rules.p2pkh };
            base58::encode_check(&[&[version], hash.as_slice()].concat())
        }
    })
}

/// Takes witness programs of version 0 (BIP 173) and taproot keys (BIP 350): what a later version
/// would mean is unknown, and shorter programs of version 1 can be spent by anybody.
fn from_segwit(expected_hrp: &str, text: &str) -> Result<String, String> {
    let Ok((hrp, version, program)) = segwit::decode(text) else {
        return Err(format!(
            "not a {expected_hrp}1… address: a character is wrong, missing or too many"
        ));
    };
    if hrp.to_lowercase() != expected_hrp {
        return Err(format!("{hrp}1… addresses belong to another network"));
    }
    refuse_zeros(&program)?;
    match version {
        Fe32::Q => {}
        Fe32::P if program.len() == 32 => {
            XOnlyPublicKey::from_slice(&program)
                .map_err(|_| "no key can spend from this taproot address".to_owned())?;
        }
        _ => return Err("no wallet can spend from this kind of witness address".to_owned()),
    }
    Ok(text.to_ascii_lowercase())
}

/// A token-aware address locks like the plain one of its hash, and is spelled like it.
fn from_cashaddr(prefix: &str, version: u8, hash: &[u8]) -> Result<String, String> {
    refuse_zeros(hash)?;
    let plain = version & !cashaddr::TOKEN_AWARE;
    match (plain, hash.len()) {
        (cashaddr::KEY_HASH | cashaddr::SCRIPT_HASH, 20) | (cashaddr::SCRIPT_HASH_32, 32) => {
            Ok(cashaddr::encode(prefix, plain, hash))
        }
        _ => Err("a cashaddr of an unknown type".to_owned()),
    }
}

fn refuse_zeros(payload: &[u8]) -> Result<(), String> {
    if payload.iter().all(|byte| *byte == 0) {
        return Err("the address is all zeros: nobody has its key".to_owned());
    }
    Ok(())
}
