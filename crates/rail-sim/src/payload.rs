//! The encoding of transactions: lines of text that people, signers and chain read alike.
//!
//! ```text
//! sim1
//! network=<network id>
//! lane=<lane id>
//! sequence=<number>, or coins=<number> <number> ...
//! fee_max=<units>
//! pay <asset id> <units> <address> <memo in hex, or ->
//! ```
//!
//! Every line ends with a newline, and there is one `pay` line for each payment. A signed
//! transaction has one more line, `signature=<hex>`.

use std::fmt::Write as _;

use domain::{
    ids::{AssetId, CoinId, LaneId, NetworkId, TxId},
    money::Amount,
    ports::Signature,
};
use sha2::{Digest, Sha256};

/// The name of the encoding.
pub const FORMAT: &str = "sim1";

/// What of its lane a transaction uses up. Two that use the same exclude each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uses {
    /// The lane's number, on networks that count.
    Sequence(u64),
    /// Coins, rising, at least one, on networks where a wallet is made of them.
    Coins(Vec<u64>),
}

impl Uses {
    /// The numbers of what is used up.
    pub fn numbers(&self) -> &[u64] {
        match self {
            Self::Sequence(number) => std::slice::from_ref(number),
            Self::Coins(numbers) => numbers,
        }
    }

    /// What an attempt uses up, if it is one of this format.
    pub fn of(sequence: Option<u64>, spends: &[CoinId]) -> Option<Self> {
        match sequence {
            Some(number) => Some(Self::Sequence(number)),
            None => {
                let coins = spends.iter().map(|it| number(it.as_str()));
                let coins: Option<Vec<u128>> = coins.collect();
                Self::of_coins(&coins?)
            }
        }
    }

    fn of_coins(coins: &[u128]) -> Option<Self> {
        let rise = coins.windows(2).all(|it| it[0] < it[1]);
        let coins: Option<Vec<u64>> = coins.iter().map(|it| u64::try_from(*it).ok()).collect();
        coins.filter(|it| rise && !it.is_empty()).map(Self::Coins)
    }

    fn line(&self) -> String {
        match self {
            Self::Sequence(number) => format!("sequence={number}"),
            Self::Coins(coins) => {
                let coins: Vec<String> = coins.iter().map(u64::to_string).collect();
                format!("coins={}", coins.join(" "))
            }
        }
    }

    fn of_line(line: &str) -> Option<Self> {
        if let Some(text) = line.strip_prefix("sequence=") {
            return u64::try_from(number(text)?).ok().map(Self::Sequence);
        }
        let coins: Option<Vec<u128>> =
            line.strip_prefix("coins=")?.split(' ').map(number).collect();
        Self::of_coins(&coins?)
    }
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The network it is for.
    pub network: NetworkId,
    /// The lane that pays.
    pub lane: LaneId,
    /// What of the lane it uses up.
    pub uses: Uses,
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
            "{FORMAT}\nnetwork={}\nlane={}\n{}\nfee_max={}\n",
            self.network,
            self.lane,
            self.uses.line(),
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
        let uses = Uses::of_line(lines.next()?)?;
        let fee_max = units(lines.next()?.strip_prefix("fee_max=")?)?;
        let payments = lines.map(payment).collect::<Option<_>>()?;
        Some(Self { network, lane, uses, fee_max, payments })
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
            uses: Uses::Sequence(7),
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
    fn coins_are_read_back_and_have_one_spelling() {
        let coins = Payload { uses: Uses::Coins(vec![3, 12]), ..payload() };
        let text = coins.to_text().unwrap();
        assert!(text.contains("\ncoins=3 12\n"), "{text}");
        assert_eq!(Payload::parse(&text), Some(coins));
        for other in ["coins=", "coins=12 3", "coins=3 3", "coins=3  12", "coins=03 12"] {
            assert_eq!(Payload::parse(&text.replacen("coins=3 12", other, 1)), None, "{other}");
        }
        assert_eq!(Payload { uses: Uses::Coins(vec![]), ..payload() }.to_text(), None);
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
