//! Identifiers, one type for each kind of thing.
//!
//! Things that come and go (payouts, batches) have 128-bit identifiers, `UUIDv7` by convention and
//! printed with a prefix. Things that a person named (networks, assets, lanes) keep that name.

use std::{fmt, str::FromStr, sync::Arc};

/// The text is not an identifier of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an identifier of this kind")
    }
}

impl std::error::Error for InvalidId {}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{:032x}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let digits = text.strip_prefix(concat!($prefix, "_")).ok_or(InvalidId)?;
                let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                if digits.len() != 32 || !digits.bytes().all(lower_hex) {
                    return Err(InvalidId);
                }
                u128::from_str_radix(digits, 16).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

number_id!(/** Whoever asks for payouts and is charged for them. */ MerchantId, "me");
number_id!(/** A credential of a merchant. */ KeyId, "ke");
number_id!(/** One obligation to pay one destination. */ PayoutId, "po");
number_id!(/** One or more payouts that share an on-chain transaction. */ BatchId, "ba");

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name.
            pub fn new(name: &str) -> Self {
                Self(name.into())
            }

            /// Returns the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(/** A network of the catalog, by its row's name. */ NetworkId);
text_id!(/** An asset of the catalog, as `TICKER@network`. */ AssetId);
text_id!(/** One hot wallet on one network, as `network/name`. */ LaneId);
text_id!(/** What a network calls a transaction, in the network's own spelling. */ TxId);
text_id!(/** What a network calls one thing that can be spent once: `txid:number` for an output. */ CoinId);
text_id!(/** The name of an API that we speak. */ DialectId);

impl CoinId {
    /// The transaction that made the coin, where coins are called by that.
    pub fn origin(&self) -> Option<TxId> {
        self.as_str().rsplit_once(':').map(|(txid, _)| TxId::new(txid))
    }
}

/// One webhook about one payout: the payout and a number that counts from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The payout it tells of.
    pub payout: PayoutId,
    /// Its number among the payout's deliveries.
    pub number: u16,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "de_{:032x}_{}", self.payout.0, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses() {
        let id = PayoutId(0x0193_5a00_0000_7000_8000_0000_0000_00ff);
        let text = id.to_string();
        assert_eq!(text, "po_01935a000000700080000000000000ff");
        assert_eq!(text.parse(), Ok(id));
        assert_eq!("ba_01935a000000700080000000000000ff".parse::<PayoutId>(), Err(InvalidId));
        assert_eq!("po_+1935a000000700080000000000000ff".parse::<PayoutId>(), Err(InvalidId));
        assert_eq!("po_01935A000000700080000000000000FF".parse::<PayoutId>(), Err(InvalidId));
    }
    #[test]
    fn a_coin_is_called_by_the_transaction_that_made_it() {
        assert_eq!(CoinId::new("aa:11").origin(), Some(TxId::new("aa")));
        assert_eq!(CoinId::new("coin 7").origin(), None);
    }
}
