//! What an address of the Bitcoin family stands for, read here independently of the rail.

use bitcoin::{
    PubkeyHash, ScriptBuf, ScriptHash, WitnessProgram, WitnessVersion, XOnlyPublicKey, base58,
    bech32::{Fe32, segwit},
    hashes::Hash,
};
use domain::catalog::Network;

/// The script that pays an address of a network. `field` says whose address it is.
///
/// # Errors
/// If the text is no address of the network, or one that nobody can spend from.
pub(super) fn of(network: &Network, field: &str, text: &str) -> Result<ScriptBuf, String> {
    let title = &network.title;
    let script = from_base58(network, text).or_else(|| from_segwit(network, text));
    script.ok_or_else(|| format!("{field}: {text:?} is no address of {title} that can be paid"))
}

fn from_base58(network: &Network, text: &str) -> Option<ScriptBuf> {
    let bytes: [u8; 21] = base58::decode_check(text).ok()?.try_into().ok()?;
    let (version, hash) = (bytes[0], <[u8; 20]>::try_from(&bytes[1..]).ok()?);
    let is = |name: &str| {
        let text = network.parameters.get(name);
        text.and_then(|it| it.parse::<u8>().ok()) == Some(version)
    };
    if is("p2pkh") {
        return Some(ScriptBuf::new_p2pkh(&PubkeyHash::from_byte_array(hash)));
    }
    is("p2sh").then(|| ScriptBuf::new_p2sh(&ScriptHash::from_byte_array(hash)))
}

/// Versions 0 (BIP-141) and 1 (BIP-341); what later ones mean is unknown.
fn from_segwit(network: &Network, text: &str) -> Option<ScriptBuf> {
    let (hrp, version, program) = segwit::decode(text).ok()?;
    if network.parameters.get("hrp") != Some(&hrp.to_lowercase()) {
        return None;
    }
    let version = match version {
        Fe32::Q => WitnessVersion::V0,
        Fe32::P if XOnlyPublicKey::from_slice(&program).is_ok() => WitnessVersion::V1,
        _ => return None,
    };
    let program = WitnessProgram::new(version, &program).ok()?;
    Some(ScriptBuf::new_witness_program(&program))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::ids::{AssetId, NetworkId};

    use super::*;

    fn bitcoin() -> Network {
        let parameters = [("hrp", "bc"), ("p2pkh", "0"), ("p2sh", "5")];
        Network {
            id: NetworkId::new("bitcoin"),
            title: "Bitcoin".to_owned(),
            family: "bitcoin".to_owned(),
            fee_asset: AssetId::new("BTC@bitcoin"),
            explorer_url: String::new(),
            has_priorities: true,
            parameters: BTreeMap::from(parameters.map(|(it, of)| (it.to_owned(), of.to_owned()))),
        }
    }

    /// Addresses and scripts of BIP-173, BIP-350 and the first block.
    #[test]
    fn scripts_of_the_bips() {
        for (text, script) in [
            (
                "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
                "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac",
            ),
            (
                "3P14159f73E4gFr7JterCCQh9QjiTjiZrG",
                "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87",
            ),
            (
                "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
                "0014751e76e8199196d454941c45d1b3a323f1433bd6",
            ),
            (
                "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3",
                "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
            ),
            (
                "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
                "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            ),
        ] {
            let found = of(&bitcoin(), "lane", text).unwrap();
            assert_eq!(found.to_hex_string(), script, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "bc1",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            // Of other networks.
            "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9",
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
            // Version 16, version 1 with two bytes, and pay-to-anchor.
            "BC1SW50QGDZ25J",
            "bc1pw5dgrnzv",
            "bc1pfeessrawgf",
            // No point of the curve.
            "bc1plllllllllllllllllllllllllllllllllllllllllllllllllllslg82pn",
        ] {
            let why = of(&bitcoin(), "destination", text).unwrap_err();
            assert!(why.starts_with("destination: "), "{why}");
        }
    }
}
