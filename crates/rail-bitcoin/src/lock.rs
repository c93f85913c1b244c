//! Which script an address stands for, what of it is dust, and how a lane's coins are spent.

use bitcoin::{
    FeeRate, PubkeyHash, Script, ScriptBuf, ScriptHash, WitnessProgram, WitnessVersion, base58,
    bech32::{Fe32, segwit},
    hashes::Hash,
    transaction::InputWeightPrediction,
};
use domain::{catalog::Network, money::Amount};

use crate::rules::Rules;

/// How the coins of a lane are locked, and so what it takes to spend them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneKind {
    /// To the hash of a public key, in a witness (BIP-141, BIP-84).
    P2wpkh,
    /// To a taproot key that spends without scripts (BIP-341, BIP-86).
    P2tr,
}

impl LaneKind {
    /// Tells the kind of a lane's script; nothing if it is one that no lane has.
    pub fn of(script: &Script) -> Option<Self> {
        if script.is_p2wpkh() {
            return Some(Self::P2wpkh);
        }
        script.is_p2tr().then_some(Self::P2tr)
    }

    /// The most that the signature of an input weighs. The signer grinds ECDSA signatures until
    /// they have at most 71 bytes with the kind of hash, and [`crate::psbt::finalize`] takes no
    /// longer ones, so this holds for what is sent.
    pub const fn input(self) -> InputWeightPrediction {
        match self {
            Self::P2wpkh => InputWeightPrediction::ground_p2wpkh(1),
            Self::P2tr => InputWeightPrediction::P2TR_KEY_DEFAULT_SIGHASH,
        }
    }
}

/// The script that pays an address of a network, in its canonical spelling
/// ([`crate::parse_destination`]).
///
/// # Errors
/// If the network's row is malformed or the text is no address of it in canonical spelling.
pub fn script(network: &Network, address: &str) -> Result<ScriptBuf, String> {
    let rules = Rules::of(network).map_err(|error| error.0)?;
    let script = from_base58(&rules, address).or_else(|| from_segwit(&rules, address));
    script.ok_or_else(|| format!("{address:?} is no address of {} that can be paid", rules.title))
}

fn from_base58(rules: &Rules<'_>, address: &str) -> Option<ScriptBuf> {
    let [version, hash @ ..] = <[u8; 21]>::try_from(base58::decode_check(address).ok()?).ok()?;
    if version == rules.p2pkh {
        return Some(ScriptBuf::new_p2pkh(&PubkeyHash::from_byte_array(hash)));
    }
    (version == rules.p2sh).then(|| ScriptBuf::new_p2sh(&ScriptHash::from_byte_array(hash)))
}

fn from_segwit(rules: &Rules<'_>, address: &str) -> Option<ScriptBuf> {
    let (hrp, version, program) = segwit::decode(address).ok()?;
    if rules.hrp != Some(hrp.to_lowercase().as_str()) {
        return None;
    }
    let version = match version {
        Fe32::Q => WitnessVersion::V0,
        Fe32::P if program.len() == 32 => WitnessVersion::V1,
        _ => return None,
    };
    let program = WitnessProgram::new(version, &program).ok()?;
    Some(ScriptBuf::new_witness_program(&program))
}

/// Whether a script is one of our lanes': scripts are compared and not addresses, since some
/// networks spell one script in several ways.
pub fn is_own(script: &Script, lanes: &[ScriptBuf]) -> bool {
    lanes.iter().any(|lane| lane == script)
}

/// The rate by which the nodes of a network tell dust, in satoshi for 1,000 virtual bytes.
///
/// # Errors
/// If the network's row is malformed.
pub fn dust_sat_per_kvb(network: &Network) -> Result<u64, String> {
    Rules::of(network).map(|it| it.dust_sat_per_kvb).map_err(|error| error.0)
}

/// The least that an output with this script may be worth, in satoshi, so that nodes relay it
/// (`GetDustThreshold` in Bitcoin Core's `policy/policy.cpp`).
pub fn dust_limit_sat(dust_sat_per_kvb: u64, script: &Script) -> u64 {
    // A rate is kept per 1,000 weight units; rounding it up keeps the limit from falling short.
    let rate = FeeRate::from_sat_per_kwu(dust_sat_per_kvb.div_ceil(4));
    script.minimal_non_dust_custom(rate).to_sat()
}

/// The least that the network carries to an address, in canonical spelling, in its own coin; to any
/// address, if none is named. Zero where no transactions are made ([`crate::Bitcoin`]).
pub fn least(network: &Network, address: Option<&str>) -> Amount {
    let Ok(rules) = Rules::of(network) else { return Amount::ZERO };
    if rules.hrp.is_none() {
        return Amount::ZERO;
    }
    let limit = |it: &Script| dust_limit_sat(rules.dust_sat_per_kvb, it);
    let sat = match address.map(|it| script(network, it)) {
        Some(Ok(script)) => limit(&script),
        // Of all kinds, an output to the hash of a key costs the most to spend.
        Some(Err(_)) | None => limit(&ScriptBuf::new_p2pkh(&PubkeyHash::all_zeros())),
    };
    Amount::from_units(u128::from(sat)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use domain::catalog::Catalog;

    use super::*;

    fn catalog() -> Catalog {
        catalog::read(&[crate::CATALOG]).unwrap()
    }

    /// Address, script (BIP-173, BIP-350 and the first block) and Bitcoin Core's dust limit for it.
    const KINDS: [(&str, &str, u64); 5] = [
        (
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac",
            546,
        ),
        (
            "3P14159f73E4gFr7JterCCQh9QjiTjiZrG",
            "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87",
            540,
        ),
        (
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "0014751e76e8199196d454941c45d1b3a323f1433bd6",
            294,
        ),
        (
            "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3",
            "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
            330,
        ),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            330,
        ),
    ];

    #[test]
    fn every_kind_of_address_has_its_script_and_its_dust() {
        let catalog = catalog();
        let (bitcoin, litecoin) =
            (catalog.network("bitcoin").unwrap(), catalog.network("litecoin").unwrap());
        for (address, hex, dust_sat) in KINDS {
            let found = script(bitcoin, address).unwrap();
            assert_eq!(found.to_hex_string(), hex, "{address}");
            let dust = |network| dust_limit_sat(dust_sat_per_kvb(network).unwrap(), &found);
            assert_eq!((dust(bitcoin), dust(litecoin)), (dust_sat, 10 * dust_sat), "{address}");
            let (carried, any) = (least(bitcoin, Some(address)), least(bitcoin, None));
            assert_eq!(carried.units(), u128::from(dust_sat), "{address}");
            assert!(carried <= any, "{address}");
            assert!(script(litecoin, address).is_err(), "{address}");
        }
        let kinds = KINDS.map(|it| LaneKind::of(&ScriptBuf::from_hex(it.1).unwrap()));
        assert_eq!(kinds, [None, None, Some(LaneKind::P2wpkh), None, Some(LaneKind::P2tr)]);
    }

    #[test]
    fn one_script_in_two_spellings_is_own() {
        let catalog = catalog();
        let litecoin = catalog.network("litecoin").unwrap();
        let old = ScriptBuf::from_hex("a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87").unwrap();
        let address = bitcoin::base58::encode_check(&[&[50], &old.as_bytes()[2..22]].concat());
        let found = script(litecoin, &address).unwrap();
        assert!(is_own(&found, &[ScriptBuf::new(), old]));
        assert!(!is_own(&found, &[ScriptBuf::new()]));
    }
}
