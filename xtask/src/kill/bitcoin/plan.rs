//! What is paid on this chain, and to whom.

use bitcoin::{
    PubkeyHash, ScriptBuf, ScriptHash, WPubkeyHash, WScriptHash, WitnessProgram, XOnlyPublicKey,
    base58, bech32,
    hashes::Hash as _,
    key::{Keypair, TweakedPublicKey},
    secp256k1::{Secp256k1, SecretKey},
};

use super::coin::Coin;
use crate::kill::{
    random::Random,
    workload::{End, Wanted},
};

/// What is too little for any output, in satoshi.
const DUST_SAT: u64 = 200;

/// From here on payments are final later, in satoshi: `finality_large_sat` of Bitcoin.
const LARGE_SAT: u64 = 10_000_000;

/// Draws payouts of all kinds of recipients and amounts.
pub(crate) struct Draw<'a> {
    /// The coin.
    coin: Coin,
    /// The address of the wallet that pays.
    own: &'a str,
    /// What is drawn from.
    random: Random,
    seed: u64,
}

impl<'a> Draw<'a> {
    /// Starts from a seed.
    pub(crate) fn new(coin: Coin, own: &'a str, seed: u64) -> Self {
        Self { coin, own, random: Random::new(seed), seed }
    }

    /// Draws so many payouts that can be paid: every eighth of them is large.
    pub(crate) fn payouts(&mut self, count: usize) -> Vec<Wanted> {
        (0..count).map(|index| self.payout(index)).collect()
    }

    /// The same with every tenth one at fault: it is dust, or to the wallet that pays. Both are
    /// refused.
    pub(crate) fn mixed(&mut self, count: usize) -> Vec<Wanted> {
        let mut all = self.payouts(count);
        for (index, wanted) in all.iter_mut().enumerate().skip(4).step_by(10) {
            if index % 20 < 10 {
                make_dust(wanted);
            } else {
                self.pay_own(wanted);
            }
        }
        all
    }

    fn payout(&mut self, index: usize) -> Wanted {
        let (address, script) = self.recipient();
        let least = if index % 8 == 3 { LARGE_SAT } else { LARGE_SAT / 100 };
        Wanted {
            reference: format!("kill-{}-{index}", self.seed),
            address,
            place: script.to_hex_string(),
            asset: self.coin.asset(),
            // The last four digits are the index.
            units: u128::from(least + self.random.below(900) * 10_000 + index as u64 % 10_000),
            gift: 0,
            end: End::Paid,
            approval: None,
        }
    }

    /// Makes it a payout to the wallet that pays.
    fn pay_own(&self, wanted: &mut Wanted) {
        wanted.end = End::Refused;
        wanted.address = self.own.into();
        wanted.place = own_place(wanted.units);
    }

    /// A recipient that nobody else pays: its address on the main network, and its script.
    fn recipient(&mut self) -> (String, ScriptBuf) {
        let mut bytes = [0; 32];
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.random.next().to_be_bytes());
        }
        let mut short = [0; 20];
        short.copy_from_slice(&bytes[..20]);
        let (p2pkh, p2sh) = self.coin.versions();
        let old = |version: u8| base58::encode_check(&[&[version], &short[..]].concat());
        let key = x_only(&bytes).map(TweakedPublicKey::dangerous_assume_tweaked);
        match (self.random.below(5), key) {
            (0, _) => (old(p2pkh), ScriptBuf::new_p2pkh(&PubkeyHash::from_byte_array(short))),
            (1, _) => (old(p2sh), ScriptBuf::new_p2sh(&ScriptHash::from_byte_array(short))),
            (2, _) => self.witness(&ScriptBuf::new_p2wsh(&WScriptHash::from_byte_array(bytes))),
            (3, Some(key)) => self.witness(&ScriptBuf::new_p2tr_tweaked(key)),
            _ => self.witness(&ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array(short))),
        }
    }

    fn witness(&self, script: &ScriptBuf) -> (String, ScriptBuf) {
        (witness_address(self.coin, script), script.clone())
    }
}

/// Makes it a payout of so little that nodes do not relay it.
fn make_dust(wanted: &mut Wanted) {
    (wanted.end, wanted.units) = (End::Refused, u128::from(DUST_SAT));
}

/// The key of a secret made of these bytes; nearly all make one.
fn x_only(bytes: &[u8; 32]) -> Option<XOnlyPublicKey> {
    let secret = SecretKey::from_slice(bytes).ok()?;
    Some(Keypair::from_secret_key(&Secp256k1::new(), &secret).x_only_public_key().0)
}

/// The address of a witness program on the main network; empty if the script is none.
pub(crate) fn witness_address(coin: Coin, script: &ScriptBuf) -> String {
    let program = script.witness_version().zip(script.as_bytes().get(2..));
    let program = program.and_then(|(version, it)| WitnessProgram::new(version, it).ok());
    let hrp = bech32::Hrp::parse(coin.hrp()).ok();
    let text = program.zip(hrp).and_then(|(it, hrp)| {
        let version = it.version().to_fe();
        bech32::segwit::encode(hrp, version, it.program().as_bytes()).ok()
    });
    text.unwrap_or_default()
}

/// The place of a payment of so much to the wallet that pays, which gets its change, too.
pub(crate) fn own_place(units: u128) -> String {
    format!("own {units}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Coin, Draw, End};

    #[test]
    fn a_plan_is_the_same_for_a_seed_and_all_its_payouts_differ() {
        let draw = |seed| Draw::new(Coin::Bitcoin, "bc1qown", seed).mixed(200);
        let all = draw(7);
        assert_eq!(all, draw(7));
        assert_ne!(all, draw(8));
        assert_eq!(all.iter().map(|it| &it.place).collect::<BTreeSet<_>>().len(), 200);
        let of = |end| all.iter().filter(move |it| it.end == end);
        assert_eq!(of(End::Refused).filter(|it| it.address == "bc1qown").count(), 10);
        assert_eq!(of(End::Refused).filter(|it| it.units == 200).count(), 10);
        assert_eq!(all.iter().filter(|it| it.units >= 10_000_000).count(), 25);
    }

    #[test]
    fn addresses_are_those_of_the_main_networks() {
        for (coin, beginnings) in [
            (Coin::Bitcoin, ["1", "3", "bc1q", "bc1p"]),
            (Coin::Litecoin, ["L", "M", "ltc1q", "ltc1p"]),
        ] {
            let all = Draw::new(coin, "", 1).payouts(100);
            for beginning in beginnings {
                assert!(all.iter().any(|it| it.address.starts_with(beginning)), "{beginning}");
            }
            let is_known = |text: &str| beginnings.iter().any(|it| text.starts_with(it));
            assert!(all.iter().all(|it| is_known(&it.address)));
        }
    }
}
