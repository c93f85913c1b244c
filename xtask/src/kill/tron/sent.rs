//! Transactions as they were handed over, read without the rail's code
//! ([protocol](https://github.com/tronprotocol/protocol/blob/master/core/Tron.proto)).

use prost::Message;
use tron_node::Address;

/// `ContractType.TransferContract`.
const TRANSFER: i32 = 1;
/// `ContractType.TriggerSmartContract`.
const TRIGGER: i32 = 31;
/// The beginning of a call of `transfer(address,uint256)`.
const TRANSFER_SELECTOR: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];

/// A payment that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// Who pays.
    pub(super) from: Address,
    /// Who is paid.
    pub(super) to: Address,
    /// The token's contract; `None` if it is the network's coin.
    pub(super) token: Option<Address>,
    /// How much, in smallest units.
    pub(super) units: u128,
}

/// `Transaction`.
#[derive(Clone, PartialEq, Message)]
struct Signed {
    #[prost(message, optional, tag = "1")]
    raw: Option<Raw>,
}

/// `Transaction.raw`.
#[derive(Clone, PartialEq, Message)]
struct Raw {
    #[prost(message, repeated, tag = "11")]
    contracts: Vec<Contract>,
}

/// `Transaction.Contract`.
#[derive(Clone, PartialEq, Message)]
struct Contract {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(message, optional, tag = "2")]
    parameter: Option<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `TransferContract`.
#[derive(Clone, PartialEq, Message)]
struct Transfer {
    #[prost(bytes = "vec", tag = "1")]
    owner: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    to: Vec<u8>,
    #[prost(int64, tag = "3")]
    sun: i64,
}

/// `TriggerSmartContract`.
#[derive(Clone, PartialEq, Message)]
struct Trigger {
    #[prost(bytes = "vec", tag = "1")]
    owner: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    contract: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    data: Vec<u8>,
}

impl Sent {
    /// Reads a signed transaction; `None` if it is anything but one payment.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let raw = Signed::decode(bytes).ok()?.raw?;
        let [contract] = raw.contracts.as_slice() else { return None };
        let value = contract.parameter.as_ref()?.value.as_slice();
        match contract.kind {
            TRANSFER => {
                let Transfer { owner, to, sun } = Transfer::decode(value).ok()?;
                let (from, to) = (Address::from_bytes(&owner)?, Address::from_bytes(&to)?);
                Some(Self { from, to, token: None, units: u128::try_from(sun).ok()? })
            }
            TRIGGER => {
                let Trigger { owner, contract, data } = Trigger::decode(value).ok()?;
                let words = data.strip_prefix(&TRANSFER_SELECTOR)?;
                let (to, units) = (account(words.get(..32)?)?, number(words.get(32..)?)?);
                let token = Some(Address::from_bytes(&contract)?);
                Some(Self { from: Address::from_bytes(&owner)?, to, token, units })
            }
            _ => None,
        }
    }
}

/// The account that a word of 32 bytes names.
pub(super) fn account(word: &[u8]) -> Option<Address> {
    let (zeros, tail) = word.split_at_checked(12)?;
    let tail = <[u8; 20]>::try_from(tail).ok()?;
    zeros.iter().all(|it| *it == 0).then(|| Address::from_tail(tail))
}

/// The number that a word of 32 bytes is, if it is not more than there can be.
pub(super) fn number(word: &[u8]) -> Option<u128> {
    let (zeros, digits) = word.split_at_checked(16)?;
    let digits = <[u8; 16]>::try_from(digits).ok()?;
    zeros.iter().all(|it| *it == 0).then(|| u128::from_be_bytes(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> Address {
        Address::from_tail([number; 20])
    }

    fn signed(kind: i32, value: Vec<u8>) -> Vec<u8> {
        let contract = Contract { kind, parameter: Some(Any { value }) };
        Signed { raw: Some(Raw { contracts: vec![contract] }) }.encode_to_vec()
    }

    fn word(bytes: &[u8]) -> Vec<u8> {
        [vec![0; 32 - bytes.len()], bytes.to_vec()].concat()
    }

    #[test]
    fn payments_are_read() {
        let bytes = |number| address(number).bytes().to_vec();
        let transfer = Transfer { owner: bytes(1), to: bytes(2), sun: 7 };
        let expected = Sent { from: address(1), to: address(2), token: None, units: 7 };
        assert_eq!(Sent::read(&signed(TRANSFER, transfer.encode_to_vec())), Some(expected));
        let words = [word(address(2).tail()), word(&[9])].concat();
        let data = [&TRANSFER_SELECTOR[..], &words].concat();
        let trigger = Trigger { owner: bytes(1), contract: bytes(3), data: data.clone() };
        let expected = Sent { token: Some(address(3)), units: 9, ..expected };
        assert_eq!(Sent::read(&signed(TRIGGER, trigger.encode_to_vec())), Some(expected));
    }

    #[test]
    fn anything_else_is_no_payment() {
        let bytes = |number| address(number).bytes().to_vec();
        let trigger = |data: Vec<u8>| {
            let trigger = Trigger { owner: bytes(1), contract: bytes(3), data };
            Sent::read(&signed(TRIGGER, trigger.encode_to_vec()))
        };
        let to = word(address(2).tail());
        let much = [&TRANSFER_SELECTOR[..], &to, &[0xff; 32]].concat();
        let short = [&TRANSFER_SELECTOR[..], &to].concat();
        for data in [much, short, vec![1, 2, 3, 4], vec![]] {
            assert_eq!(trigger(data), None);
        }
        assert_eq!(Sent::read(&signed(4, vec![])), None);
        assert_eq!(Sent::read(&[]), None);
        assert_eq!(Sent::read(b"nonsense"), None);
    }
}
