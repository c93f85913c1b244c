//! Payments as calls: the network's own coin, and tokens of ERC-20
//! (<https://eips.ethereum.org/EIPS/eip-20>).

use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::{SolCall, SolEvent, sol};

use crate::node::Log;

sol! {
    interface Erc20 {
        // What it returns is left out: some tokens return nothing.
        function transfer(address recipient, uint256 amount) external;
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 amount) external returns (bool);
        function balanceOf(address holder) external view returns (uint256);
        event Transfer(address indexed sender, address indexed recipient, uint256 amount);
    }
}

/// One payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    /// The token's contract; `None` for the network's own coin.
    pub(crate) token: Option<Address>,
    /// Who gets it.
    pub(crate) recipient: Address,
    /// How much, in smallest units.
    pub(crate) amount: U256,
}

/// What a transaction that was not undone did to its payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It paid exactly what it was made for.
    Paid,
    /// It moved nothing of the payer's.
    NotPaid,
    /// It moved something of the payer's that is not the payment: the coins are gone, and paying
    /// again would be paying twice.
    PaidOtherwise,
}

/// The data of a call that asks what `holder` holds.
pub(crate) fn balance_of_input(holder: Address) -> Bytes {
    Erc20::balanceOfCall { holder }.abi_encode().into()
}

impl Transfer {
    /// Whom the transaction calls.
    pub(crate) fn target(&self) -> Address {
        self.token.unwrap_or(self.recipient)
    }

    /// How much of the network's coin the transaction carries, in wei.
    pub(crate) fn value(&self) -> U256 {
        if self.token.is_some() { U256::ZERO } else { self.amount }
    }

    /// The transaction's data.
    pub(crate) fn input(&self) -> Bytes {
        let Some(_) = self.token else { return Bytes::new() };
        let call = Erc20::transferCall { recipient: self.recipient, amount: self.amount };
        call.abi_encode().into()
    }

    /// Reads a transaction's target, value and data back; `None` if they are no payment of ours.
    pub(crate) fn read(target: TxKind, value: U256, input: &Bytes) -> Option<Self> {
        let target = *target.to()?;
        if input.is_empty() {
            return Some(Self { token: None, recipient: target, amount: value });
        }
        let call = Erc20::transferCall::abi_decode_validate(input).ok()?;
        let Erc20::transferCall { recipient, amount } = call;
        let read = Self { token: Some(target), recipient, amount };
        (value.is_zero() && read.input() == *input).then_some(read)
    }

    /// What a transaction from `payer` that was not undone did, by what it announced.
    ///
    /// A token may return `false` instead of undoing the transaction, so that it is not enough that
    /// it was not undone. Announcements of nothing say nothing. One that cannot be read may be of
    /// anything: it must not make a payout look unpaid.
    pub(crate) fn outcome(&self, payer: Address, logs: &[Log]) -> Outcome {
        let Some(token) = self.token else { return Outcome::Paid };
        let as_asked =
            |it: &Erc20::Transfer| it.recipient == self.recipient && it.amount == self.amount;
        match moved(token, payer, logs).as_slice() {
            [] => Outcome::NotPaid,
            [Some(only)] if as_asked(only) => Outcome::Paid,
            [_, ..] => Outcome::PaidOtherwise,
        }
    }
}

/// The transfers of something that `token` announced from `payer`; `None` stands for one that makes
/// no sense, which may be of anything.
pub(crate) fn moved(token: Address, payer: Address, logs: &[Log]) -> Vec<Option<Erc20::Transfer>> {
    let is_transfer = |log: &&Log| log.topics.first() == Some(&Erc20::Transfer::SIGNATURE_HASH);
    let says_nothing = |it: &Erc20::Transfer| it.sender != payer || it.amount.is_zero();
    let of_token = logs.iter().filter(|log| log.address == token).filter(is_transfer);
    of_token.map(announced).filter(|it| !it.as_ref().is_some_and(says_nothing)).collect()
}

/// Reads an announced transfer; `None` if it makes no sense. Old tokens index none of its fields,
/// so what is read is the fields in their order, wherever they are.
fn announced(log: &Log) -> Option<Erc20::Transfer> {
    let mut fields: Vec<[u8; 32]> = log.topics.iter().skip(1).map(|topic| topic.0).collect();
    let (words, rest) = log.data.as_chunks::<32>();
    fields.extend(words);
    let [sender, recipient, amount] = fields.as_slice() else { return None };
    let address =
        |field: &[u8; 32]| field.starts_with(&[0; 12]).then(|| Address::from_slice(&field[12..]));
    rest.is_empty().then_some(())?;
    Some(Erc20::Transfer {
        sender: address(sender)?,
        recipient: address(recipient)?,
        amount: U256::from_be_bytes(*amount),
    })
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, address, hex};

    use super::*;

    const TOKEN: Address = address!("0xdAC17F958D2ee523a2206206994597C13D831ec7");
    const PAYER: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    const RECIPIENT: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

    fn transfer() -> Transfer {
        Transfer { token: Some(TOKEN), recipient: RECIPIENT, amount: U256::from(1_500_000) }
    }

    fn log(address: Address, sender: Address, amount: u64) -> Log {
        let event = Erc20::Transfer { sender, recipient: RECIPIENT, amount: U256::from(amount) };
        let data = event.encode_log_data();
        Log { address, topics: data.topics().to_vec(), data: data.data.clone() }
    }

    #[test]
    fn calls_are_encoded_as_the_contract_abi_says() {
        let expected = concat!(
            "a9059cbb",
            "00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc79c8",
            "000000000000000000000000000000000000000000000000000000000016e360",
        );
        assert_eq!(hex::encode(transfer().input()), expected);
        assert!(hex::encode(balance_of_input(PAYER)).starts_with("70a08231000000000000"));
        let topic = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
        assert_eq!(hex::encode(Erc20::Transfer::SIGNATURE_HASH), topic);
    }

    #[test]
    fn payments_are_read_back_and_nothing_else_is() {
        let it = transfer();
        let read = |value, input: &[u8]| {
            Transfer::read(TOKEN.into(), U256::from(value), &Bytes::copy_from_slice(input))
        };
        assert_eq!(read(0_u8, &it.input()), Some(it));
        let native = Transfer { token: None, recipient: TOKEN, amount: U256::from(7) };
        assert_eq!(read(7, &[]), Some(native));
        assert_eq!(read(1, &it.input()), None);
        assert_eq!(read(0, &it.input()[..67]), None);
        assert_eq!(read(0, &[&it.input()[..], &[0]].concat()), None);
        let mut dirty = it.input().to_vec();
        dirty[4] = 1;
        assert_eq!(read(0, &dirty), None);
        dirty = it.input().to_vec();
        dirty[0] ^= 1;
        assert_eq!(read(0, &dirty), None);
        assert_eq!(Transfer::read(TxKind::Create, U256::ZERO, &Bytes::new()), None);
    }

    #[test]
    fn what_a_token_announced_is_what_happened() {
        let it = transfer();
        let outcome = |logs: &[Log]| it.outcome(PAYER, logs);
        let asked = log(TOKEN, PAYER, 1_500_000);
        let approval = Log { topics: vec![B256::ZERO], ..asked.clone() };
        assert_eq!(outcome(&[approval.clone(), asked.clone()]), Outcome::Paid);
        // What others move, what moves nothing, and what other contracts say is beside the point.
        let beside = [
            log(TOKEN, RECIPIENT, 7),
            log(TOKEN, PAYER, 0),
            log(RECIPIENT, PAYER, 1_500_000),
            approval,
        ];
        assert_eq!(outcome(&beside), Outcome::NotPaid);
        assert_eq!(outcome(&[&beside[..], std::slice::from_ref(&asked)].concat()), Outcome::Paid);
        assert_eq!(outcome(&[]), Outcome::NotPaid);
        let native = Transfer { token: None, ..it };
        assert_eq!(native.outcome(PAYER, &[]), Outcome::Paid);
    }

    #[test]
    fn coins_that_went_elsewhere_are_gone_all_the_same() {
        let it = transfer();
        let outcome = |logs: &[Log]| it.outcome(PAYER, logs);
        let asked = log(TOKEN, PAYER, 1_500_000);
        let otherwise = Outcome::PaidOtherwise;
        assert_eq!(outcome(&[log(TOKEN, PAYER, 1_499_000)]), otherwise);
        assert_eq!(outcome(&[asked.clone(), log(TOKEN, PAYER, 1)]), otherwise);
        assert_eq!(outcome(&[asked.clone(), asked.clone()]), otherwise);
        let mut elsewhere = asked.clone();
        elsewhere.topics[2] = PAYER.into_word();
        assert_eq!(outcome(&[elsewhere]), otherwise);
    }

    #[test]
    fn announcements_are_read_wherever_their_fields_are() {
        let it = transfer();
        let asked = log(TOKEN, PAYER, 1_500_000);
        let fields: Vec<u8> =
            asked.topics[1..].iter().flat_map(|it| it.0).chain(asked.data.to_vec()).collect();
        let unindexed = |data: &[u8]| Log {
            topics: vec![asked.topics[0]],
            data: Bytes::copy_from_slice(data),
            ..asked.clone()
        };
        assert_eq!(it.outcome(PAYER, &[unindexed(&fields)]), Outcome::Paid);
        let mut dirty = fields.clone();
        dirty[0] = 1;
        // What cannot be read may have been anything.
        for garbled in [&fields[..95], &fields[..64], &[&fields[..], &[0]].concat(), &dirty, &[]] {
            assert_eq!(it.outcome(PAYER, &[unindexed(garbled)]), Outcome::PaidOtherwise);
        }
    }
}
