//! Which texts are addresses on an EVM network, and how each is spelled.
//!
//! All networks of the family share one form: `0x`, then 20 bytes in hexadecimal, with a checksum
//! in the letters' case (EIP-55).

use alloy_primitives::{Address, address};
use domain::catalog::{Asset, Destination, DestinationError, Network};

/// Longer than any address of any network; longer texts are refused unread.
const TEXT_BYTES_MAX: usize = 128;

/// Addresses that people use to mean "nobody" or "the native coin"; what goes there is lost.
const NOBODY: [Address; 3] = [
    address!("0xdEAD000000000000000042069420694206942069"),
    address!("0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"),
    address!("0xFFfFfFffFFfffFFfFFfFFFFFffFFFffffFfFFFfF"),
];

/// Checks a destination and gives its canonical spelling, with the checksum of EIP-55.
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
    let address = parse(text).map_err(|reason| DestinationError::Address(reason.to_owned()))?;
    Ok(Destination { address: address.to_checksum(None), memo: None })
}

/// Checks that the contract of a row of the catalog is spelled with its checksum: the signer refuses
/// to pay a token whose contract is not.
///
/// # Errors
/// Says how it must be written, or what is wrong with it.
pub fn check_contract(asset: &Asset) -> Result<(), String> {
    let Some(text) = asset.contract.as_deref() else { return Ok(()) };
    match parse(text).map(|it| it.to_checksum(None)) {
        Ok(spelled) if spelled == text => Ok(()),
        Ok(spelled) => {
            Err(format!("asset {}: its contract {text} must be written {spelled}", asset.id))
        }
        Err(reason) => Err(format!("asset {}: its contract {text:?}: {reason}", asset.id)),
    }
}

fn parse(text: &str) -> Result<Address, &'static str> {
    if text.len() > TEXT_BYTES_MAX {
        return Err("the text is longer than any address");
    }
    let Some(digits) = text.strip_prefix("0x") else {
        return Err(if text.contains('.') {
            "names are not resolved: give the 0x address"
        } else if text.starts_with("XE") {
            "ICAP spelling is not taken: give the 0x address"
        } else {
            "an address of this network begins with 0x"
        });
    };
    if digits.len() != 40 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("an address of this network is 0x and 40 hexadecimal digits");
    }
    let address: Address = digits.parse().map_err(|_| "not hexadecimal")?;
    let has_case = |test: fn(&u8) -> bool| digits.bytes().any(|byte| test(&byte));
    if has_case(u8::is_ascii_lowercase)
        && has_case(u8::is_ascii_uppercase)
        && address.to_checksum(None) != text
    {
        return Err("the checksum (EIP-55) does not match: a character is wrong");
    }
    if address.is_zero() {
        return Err("the zero address burns what it gets");
    }
    if address.starts_with(&[0; 16]) {
        return Err("this address is a burn address or part of the network itself");
    }
    if NOBODY.contains(&address) {
        return Err("nobody has the key of this address");
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use domain::catalog::Network;

    use super::*;

    fn network() -> Network {
        let catalog = catalog::read(&[crate::CATALOG]).expect("the rows are well-formed");
        catalog.network("ethereum").expect("the row is there").clone()
    }

    fn parsed(text: &str) -> Result<String, DestinationError> {
        parse_destination(&network(), text, None).map(|destination| destination.address)
    }

    /// The first eight are those of EIP-55; the others were printed by ethers 6.17.0.
    const ADDRESSES: [&str; 11] = [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        "0x24d4269316D5C0ab5dD77042C70DD2eD00efBa95",
        "0xCD4Cc011F71D28D90a50F3C4eF134CF81Ec2a035",
        "0x2b90EAc0FB654fa0a7F3552050e7e68De2c39D14",
    ];

    #[test]
    fn addresses_are_taken_in_three_spellings() {
        for address in ADDRESSES {
            let digits = &address[2..];
            for spelling in [digits.to_owned(), digits.to_lowercase(), digits.to_uppercase()] {
                assert_eq!(parsed(&format!("0x{spelling}")), Ok(address.to_owned()));
            }
        }
    }

    #[test]
    fn other_texts_are_refused_with_a_reason() {
        let check = |text: &str, reason: &str| match parsed(text) {
            Err(DestinationError::Address(found)) => assert!(found.contains(reason), "{found}"),
            other => panic!("{text}: {other:?}"),
        };
        check("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "checksum");
        check("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "checksum");
        check("0x0000000000000000000000000000000000000000", "burns");
        check("0x000000000000000000000000000000000000dEaD", "burn address");
        check("0x0000000000000000000000000000000000000001", "part of the network");
        check("0x0000000000000000000000000000000000000011", "part of the network");
        check("0x0000000000000000000000000000000000001010", "part of the network");
        check("0xdead000000000000000042069420694206942069", "nobody");
        check("0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE", "nobody");
        check("0xffffffffffffffffffffffffffffffffffffffff", "nobody");
        check("24d4269316D5C0ab5dD77042C70DD2eD00efBa95", "begins with 0x");
        check("0X24d4269316D5C0ab5dD77042C70DD2eD00efBa95", "begins with 0x");
        check(" 0x24d4269316D5C0ab5dD77042C70DD2eD00efBa95", "begins with 0x");
        check("0x24d4269316D5C0ab5dD77042C70DD2eD00efBa9", "40 hexadecimal");
        check("0x24d4269316D5C0ab5dD77042C70DD2eD00efBa955", "40 hexadecimal");
        check("0x24d4269316D5C0ab5dD77042C70DD2eD00efBa9g", "40 hexadecimal");
        check("0x0x24d4269316D5C0ab5dD77042C70DD2eD00efBa", "40 hexadecimal");
        check("0x24d4269316D5C0ab5dD77042C70DD2eD00efBé9", "40 hexadecimal");
        check("XE444AVEBPIH1S2U22RG38BS9F1ZW931V2T", "ICAP");
        check("vitalik.eth", "names are not resolved");
        check("TDKwUTD79svAMPW1FScksZFf4wM13QoGG7", "begins with 0x");
        check("", "begins with 0x");
        check(&"0".repeat(129), "longer than any address");
    }

    #[test]
    fn contracts_must_be_spelled_with_their_checksum() {
        let check = |contract: Option<&str>| {
            super::check_contract(&domain::catalog::Asset {
                id: domain::ids::AssetId::new("TOKEN@ethereum"),
                network: domain::ids::NetworkId::new("ethereum"),
                ticker: "TOKEN".to_owned(),
                title: String::new(),
                decimals: 6,
                contract: contract.map(str::to_owned),
                symbols: vec![],
                stablecoin: false,
            })
        };
        let spelled = "0xdAC17F958D2ee523a2206206994597C13D831ec7";
        assert_eq!(check(Some(spelled)), Ok(()));
        assert_eq!(check(None), Ok(()));
        let complaint = check(Some(&spelled.to_lowercase())).unwrap_err();
        assert!(complaint.contains("TOKEN@ethereum") && complaint.contains(spelled), "{complaint}");
        assert!(check(Some("0x01")).is_err());
    }

    /// Only mixed case carries the checksum, and by EIP-55 about one slip in 4,000 goes unseen.
    #[test]
    fn nearly_every_wrong_character_is_found() {
        let network = network();
        let (mut tried, mut unseen) = (0, 0);
        for address in &ADDRESSES[4..] {
            for position in 0..address.len() {
                for other in b'!'..=b'~' {
                    let mut changed = address.as_bytes().to_vec();
                    changed[position] = other;
                    let changed = str::from_utf8(&changed).unwrap();
                    match parse_destination(&network, changed, None) {
                        Ok(found) => {
                            assert_eq!(found.address, changed);
                            unseen += u32::from(changed != *address);
                        }
                        Err(_) => tried += u32::from(other.is_ascii_hexdigit() && position > 1),
                    }
                }
            }
        }
        assert!(unseen * 1000 < tried, "{unseen} of {tried}");
    }
}
