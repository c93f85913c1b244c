//! Payments as calls: the network's own coin, and tokens of ERC-20
//! (<https://eips.ethereum.org/EIPS/eip-20>).

use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::{SolCall, SolEvent, sol};

use crate::node::Log;

sol! {
    interface Erc20 {
        // What it returns is left out: some tokens return nothing.
        function transfer(address recipient, uint256 amount) external;
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

    /// Whether a transaction from `payer` that was not undone did pay.
    ///
    /// A token may return `false` instead of undoing the transaction; what tells is that it
    /// announced no transfer from the payer at all. One with another amount is a payment: the
    /// token took a fee of its own.
    pub(crate) fn was_made(&self, payer: Address, logs: &[Log]) -> bool {
        let Some(token) = self.token else { return true };
        let of_token = logs.iter().filter(|log| log.address == token);
        let paid: Vec<_> = of_token
            .filter_map(|log| {
                Erc20::Transfer::decode_raw_log(log.topics.iter().copied(), &log.data).ok()
            })
            .filter(|event| event.sender == payer)
            .collect();
        let as_asked = |event: &Erc20::Transfer| {
            event.recipient == self.recipient && event.amount == self.amount
        };
        if !paid.is_empty() && !paid.iter().any(as_asked) {
            tracing::warn!(%token, recipient = %self.recipient, "the token paid something else");
        }
        !paid.is_empty()
    }
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
    fn a_token_paid_if_it_announced_a_transfer_from_the_payer() {
        let it = transfer();
        let approval = Log { topics: vec![B256::ZERO], ..log(TOKEN, PAYER, 1) };
        assert!(it.was_made(PAYER, &[approval.clone(), log(TOKEN, PAYER, 1_500_000)]));
        assert!(it.was_made(PAYER, &[log(TOKEN, PAYER, 1_499_000)]));
        assert!(!it.was_made(PAYER, &[]));
        assert!(!it.was_made(PAYER, &[approval]));
        assert!(!it.was_made(PAYER, &[log(RECIPIENT, PAYER, 1_500_000)]));
        assert!(!it.was_made(PAYER, &[log(TOKEN, RECIPIENT, 1_500_000)]));
        let native = Transfer { token: None, ..it };
        assert!(native.was_made(PAYER, &[]));
    }
}
