//! The encoding of transactions: lines of text that people, signers and chain read alike.
//!
//! ```text
//! sim1
//! network=<network id>
//! lane=<lane id>
//! sequence=<number>
//! fee_max=<units>
//! pay <asset id> <units> <address> <memo in hex, or ->
//! ```
//!
//! Every line ends with a newline, and there is one `pay` line for each payment. A signed
//! transaction has one more line, `signature=<hex>`.

use std::fmt::Write as _;

use domain::{
    ids::{AssetId, LaneId, NetworkId, TxId},
    money::Amount,
    ports::Signature,
};
use sha2::{Digest, Sha256};

/// The name of the encoding.
pub const FORMAT: &str = "sim1";

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The network it is for.
    pub network: NetworkId,
    /// The lane that pays.
    pub lane: LaneId,
    /// The lane's number for it.
    pub sequence: u64,
    /// The most the network may charge, in its fee asset.
    pub fee_max: Amount,
    /// The payments it makes, all or none.
    pub payments: Vec<PayloadPayment>,
}

/// One payment of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PayloadPayment {
    /// What is paid.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
    /// To whom.
    pub address: String,
    /// What goes with it.
    pub memo: Option<String>,
}

impl Payload {
    /// Writes the lines; `None` if a name holds what would not be read back.
    pub fn to_text(&self) -> Option<String> {
        let mut text = format!(
            "{FORMAT}\nnetwork={}\nlane={}\nsequence={}\nfee_max={}\n",
            self.network,
            self.lane,
            self.sequence,
            self.fee_max.units()
        );
        for payment in &self.payments {
            let memo = payment.memo.as_ref().map_or_else(|| "-".to_owned(), hex::encode);
            let (asset, units) = (&payment.asset, payment.amount.units());
            let written = writeln!(text, "pay {asset} {units} {} {memo}", payment.address);
            written.expect("a string takes all that is written to it");
        }
        (Self::parse(&text).as_ref() == Some(self)).then_some(text)
    }

    /// Reads the lines; `None` if they are not exactly what [`Self::to_text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != FORMAT {
            return None;
        }
        let network = NetworkId::new(lines.next()?.strip_prefix("network=")?);
        let lane = LaneId::new(lines.next()?.strip_prefix("lane=")?);
        let sequence = number(lines.next()?.strip_prefix("sequence=")?)?;
        let fee_max = units(lines.next()?.strip_prefix("fee_max=")?)?;
        let payments = lines.map(payment).collect::<Option<_>>()?;
        Some(Self { network, lane, sequence: u64::try_from(sequence).ok()?, fee_max, payments })
    }
}

fn payment(line: &str) -> Option<PayloadPayment> {
    let mut words = line.strip_prefix("pay ")?.split(' ');
    let asset = AssetId::new(words.next()?);
    let amount = units(words.next()?)?;
    let address = words.next().filter(|it| !it.is_empty())?.to_owned();
    let memo = match words.next()? {
        "-" => None,
        text => Some(String::from_utf8(bytes(text)?).ok()?),
    };
    words.next().is_none().then_some(PayloadPayment { asset, amount, address, memo })
}

fn number(text: &str) -> Option<u128> {
    let value: u128 = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok().filter(|it| hex::encode(it) == text)
}

fn units(text: &str) -> Option<Amount> {
    number(text).and_then(Amount::from_units)
}

/// Joins a payload with its signature.
pub(crate) fn signed(payload: &[u8], signature: &Signature) -> Vec<u8> {
    let line = format!("signature={}\n", hex::encode(&signature.0));
    [payload, line.as_bytes()].concat()
}

/// Reads a signed transaction; `None` if it is none.
pub(crate) fn read_signed(raw: &[u8]) -> Option<Payload> {
    let text = str::from_utf8(raw).ok()?;
    let (payload, last) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let signature = bytes(last.strip_prefix("signature=")?)?;
    if signature.is_empty() {
        return None;
    }
    Payload::parse(&format!("{payload}\n"))
}

/// What the chain calls a signed transaction: the SHA-256 of its bytes, in hex.
pub(crate) fn txid(raw: &[u8]) -> TxId {
    TxId::new(&hex::encode(Sha256::digest(raw)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload() -> Payload {
        let payment = |address: &str, memo: Option<&str>| PayloadPayment {
            asset: AssetId::new("COIN@net"),
            amount: Amount::from_units(15).unwrap(),
            address: address.to_owned(),
            memo: memo.map(str::to_owned),
        };
        Payload {
            network: NetworkId::new("net"),
            lane: LaneId::new("net/hot"),
            sequence: 7,
            fee_max: Amount::from_units(20).unwrap(),
            payments: vec![payment("somewhere", None), payment("elsewhere", Some("42"))],
        }
    }

    #[test]
    fn is_readable_and_read_back() {
        let text = payload().to_text().unwrap();
        assert_eq!(
            text,
            "sim1\nnetwork=net\nlane=net/hot\nsequence=7\nfee_max=20\n\
             pay COIN@net 15 somewhere -\npay COIN@net 15 elsewhere 3432\n"
        );
        assert_eq!(Payload::parse(&text), Some(payload()));
        let raw = signed(text.as_bytes(), &Signature(vec![1]));
        assert_eq!(read_signed(&raw), Some(payload()));
    }

    #[test]
    fn an_address_cannot_smuggle_in_a_payment() {
        for address in ["", "a b", "a\n", "a -\npay COIN@net 99 thief"] {
            let mut payload = payload();
            payload.payments[0].address = address.to_owned();
            assert_eq!(payload.to_text(), None, "{address:?}");
        }
    }

    #[test]
    fn there_is_one_spelling_only() {
        let text = payload().to_text().unwrap();
        for (old, new) in [
            ("sequence=7", "sequence=07"),
            ("sequence=7", "sequence=+7"),
            ("fee_max=20", "fee_max=-20"),
            ("sim1", "sim2"),
            (" 15 somewhere", "  15 somewhere"),
            ("lane=net/hot\n", ""),
            ("somewhere -", "somewhere - -"),
        ] {
            assert_eq!(Payload::parse(&text.replacen(old, new, 1)), None, "{new}");
        }
        assert_eq!(read_signed(format!("{text}signature=\n").as_bytes()), None);
        assert_eq!(read_signed(text.as_bytes()), None);
    }
}
