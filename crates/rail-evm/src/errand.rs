//! What a transaction of a lane does: whom it calls with what, and what became of that. Pure.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;

use crate::{
    contract,
    node::Log,
    pay_call::{self, Method, PayCall},
    settings::FeeModel,
    transfer::{self, Erc20, Transfer},
    tx::{Kind, Sent},
};

/// What a transaction of a lane does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Makes one payment.
    Pay(Transfer),
    /// Makes several payments of one asset.
    PayMany(PayCall),
    /// Nothing, with a number that was skipped.
    Nothing,
    /// Allows the contract that pays many to take this token from the lane.
    Approve(Address),
    /// Puts that contract onto the network.
    Deploy,
    /// Makes the lane's account run that contract's code as its own (EIP-7702).
    Delegate,
}

/// What became of an errand whose transaction was not undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done, but for the payments at these places, rising.
    Done(Vec<u32>),
    /// Nothing was paid.
    NotPaid,
    /// Something was paid that is not what was to be paid. The coins are gone, and paying again
    /// would be paying twice; the payments at these places were not made, as far as one can tell.
    PaidOtherwise(Vec<u32>),
    /// The logs contradict themselves: nobody knows, and a person must look.
    Unclear(String),
}

impl Errand {
    /// The words with which a rail asks for itself to do it, if it does.
    pub(crate) fn of_words(words: &str) -> Option<Self> {
        match words.split_once(' ') {
            None if words == "deploy" => Some(Self::Deploy),
            None if words == "delegate" => Some(Self::Delegate),
            Some(("approve", token)) => {
                Address::parse_checksummed(token, None).ok().map(Self::Approve)
            }
            _ => None,
        }
    }

    /// Whom the transaction of `lane` calls.
    pub(crate) fn target(&self, lane: Address) -> Address {
        match self {
            Self::Pay(transfer) => transfer.target(),
            Self::PayMany(call) => call.target(lane),
            Self::Nothing | Self::Delegate => lane,
            Self::Approve(token) => *token,
            Self::Deploy => contract::PROXY,
        }
    }

    /// How much of the network's coin the transaction carries, in wei.
    pub(crate) fn value(&self) -> U256 {
        match self {
            Self::Pay(transfer) => transfer.value(),
            Self::PayMany(call) => call.value(),
            Self::Nothing | Self::Approve(_) | Self::Deploy | Self::Delegate => U256::ZERO,
        }
    }

    /// The transaction's data.
    pub(crate) fn input(&self) -> Bytes {
        match self {
            Self::Pay(transfer) => transfer.input(),
            Self::PayMany(call) => call.input(),
            Self::Nothing | Self::Delegate => Bytes::new(),
            Self::Approve(_) => {
                let (spender, amount) = (contract::ADDRESS, U256::MAX);
                Erc20::approveCall { spender, amount }.abi_encode().into()
            }
            Self::Deploy => contract::deployment(),
        }
    }

    /// The form that the transaction has on a network with this fee model.
    pub(crate) fn kind(&self, fee_model: FeeModel) -> Kind {
        match (self, fee_model) {
            (Self::Delegate, _) => Kind::Eip7702 { delegate: contract::ADDRESS },
            (_, FeeModel::Eip1559) => Kind::Eip1559,
            (_, FeeModel::Legacy) => Kind::Eip155,
        }
    }

    /// How many of the lane's numbers it uses up: an authorization has one of its own.
    pub(crate) fn numbers_used(&self) -> u64 {
        match self {
            Self::Delegate => 2,
            Self::Pay(_) | Self::PayMany(_) | Self::Nothing | Self::Approve(_) | Self::Deploy => 1,
        }
    }

    /// How much gas it takes beside what a node estimates, which is not told of the authorization:
    /// that costs as much as an account that is not there yet, before anything runs
    /// ([EIP-7702](https://eips.ethereum.org/EIPS/eip-7702)).
    pub(crate) fn gas_beside(&self) -> u64 {
        match self {
            Self::Delegate => 25_000,
            Self::Pay(_) | Self::PayMany(_) | Self::Nothing | Self::Approve(_) | Self::Deploy => 0,
        }
    }

    /// The token that it pays; `None` for the network's coin, and for what pays nothing.
    pub(crate) fn token(&self) -> Option<Address> {
        match self {
            Self::Pay(transfer) => transfer.token,
            Self::PayMany(call) => call.token(),
            Self::Nothing | Self::Approve(_) | Self::Deploy | Self::Delegate => None,
        }
    }

    /// How much it pays of that token or coin, in smallest units.
    pub(crate) fn amount(&self) -> U256 {
        match self {
            Self::Pay(transfer) => transfer.amount,
            Self::PayMany(call) => call.total(),
            Self::Nothing | Self::Approve(_) | Self::Deploy | Self::Delegate => U256::ZERO,
        }
    }

    /// How much of the network's coin leaves the lane, fees aside, in wei. What an account pays by
    /// itself is not carried by its transaction.
    pub(crate) fn coins(&self) -> U256 {
        if self.token().is_none() { self.amount() } else { U256::ZERO }
    }

    /// Reads a transaction back; `None` if it is none of these.
    pub(crate) fn read(sent: &Sent) -> Option<Self> {
        let (tx, lane) = (&sent.tx, sent.sender);
        let own: [Self; 3] = [Self::Nothing, Self::Deploy, Self::Delegate];
        let is_it = |it: &Self| {
            let is_delegating = matches!(tx.kind, Kind::Eip7702 { .. });
            let kind = match it {
                Self::Delegate => tx.kind == it.kind(FeeModel::Eip1559),
                Self::Pay(_)
                | Self::PayMany(_)
                | Self::Nothing
                | Self::Approve(_)
                | Self::Deploy => !is_delegating,
            };
            kind && it.target(lane) == tx.to && it.value() == tx.value && it.input() == tx.input
        };
        if let Some(found) = own.into_iter().find(is_it) {
            return Some(found);
        }
        let approve = Self::Approve(tx.to);
        if is_it(&approve) {
            return Some(approve);
        }
        if matches!(tx.kind, Kind::Eip7702 { .. }) {
            return None;
        }
        let call = PayCall::read(lane, tx.to, tx.value, &tx.input).map(Self::PayMany);
        let transfer = || Transfer::read(TxKind::Call(tx.to), tx.value, &tx.input).map(Self::Pay);
        call.or_else(transfer)
    }

    /// What became of it, by the logs of its transaction, which was not undone.
    pub(crate) fn outcome(&self, lane: Address, logs: &[Log]) -> Outcome {
        match self {
            Self::Pay(transfer) => match transfer.outcome(lane, logs) {
                transfer::Outcome::Paid => Outcome::Done(vec![]),
                transfer::Outcome::NotPaid => Outcome::NotPaid,
                transfer::Outcome::PaidOtherwise => Outcome::PaidOtherwise(vec![]),
            },
            Self::PayMany(call) => outcome_of_many(call, lane, logs),
            Self::Nothing | Self::Approve(_) | Self::Deploy | Self::Delegate => {
                Outcome::Done(vec![])
            }
        }
    }
}

fn outcome_of_many(call: &PayCall, lane: Address, logs: &[Log]) -> Outcome {
    let made = match call.made(lane, logs) {
        Ok(made) => made,
        // An account that does not run the code takes a call of itself, and does nothing.
        Err(pay_call::Odd::NotServed) if call.method() == Method::Delegate => {
            return Outcome::NotPaid;
        }
        Err(odd) => return Outcome::Unclear(odd.to_string()),
    };
    let unpaid = (0_u32..).zip(&made).filter(|(_, made)| !**made).map(|(place, _)| place).collect();
    match call.check_transfers(lane, logs, &made) {
        Ok(()) => Outcome::Done(unpaid),
        Err(why) => {
            tracing::warn!(why, "a token paid otherwise than its transaction asked for");
            Outcome::PaidOtherwise(unpaid)
        }
    }
}

#[cfg(test)]
#[path = "errand_tests.rs"]
mod tests;
