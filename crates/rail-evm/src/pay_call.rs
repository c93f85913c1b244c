//! Many payments in one call of the contract of [`crate::contract`]: its bytes, and what became of
//! each payment. Pure.
//!
//! The contract leaves out a payment that fails and makes the others, so a transaction that was not
//! undone says little by itself. What tells are announcements, which only the contract's code can
//! make in the lane's name: `Paid` says that it served the call at all, `Unpaid` names each payment
//! that was left out, and the token's own `Transfer` bears out the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolEvent, sol};

use crate::{contract, node::Log, transfer};

/// The most payments of one call. All of them to new holders take two thirds of what one
/// transaction may use (2^24 gas, EIP-7825).
pub const PAYMENTS_MAX: usize = 300;

/// The most that fits beside a recipient in one word: 2^96 - 1.
pub const AMOUNT_MAX: u128 = (1 << 96) - 1;

sol! {
    interface Payouts {
        function pay(address token, uint256[] payments) external payable returns (uint256[] unpaid);
        event Unpaid(address indexed payer, uint256 indexed position);
        event Paid(address indexed payer, uint256 count);
    }
}

/// Whose code pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The contract, called by the lane. Tokens have to be approved for it.
    Contract,
    /// The lane's own account, which runs the contract's code (EIP-7702) and calls itself.
    Delegate,
}

/// One payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Payment {
    /// Who gets it.
    pub recipient: Address,
    /// How much, in smallest units.
    pub amount: u128,
}

/// Why it is not known what became of the payments of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// Nobody announced that the call was served.
    NotServed,
    /// What was announced contradicts itself; says how.
    Contradiction(String),
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotServed => f.write_str("nobody announced that the call was served"),
            Self::Contradiction(how) => f.write_str(how),
        }
    }
}

/// A call that makes several payments of one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayCall {
    method: Method,
    token: Option<Address>,
    payments: Vec<Payment>,
}

impl PayCall {
    /// A call that pays `payments` of `token`, or of the network's coin if that is `None`.
    ///
    /// # Errors
    /// If there are none or too many, or if one is of nothing or does not fit its word.
    pub fn new(
        method: Method,
        token: Option<Address>,
        payments: Vec<Payment>,
    ) -> Result<Self, String> {
        let count = payments.len();
        if !(1..=PAYMENTS_MAX).contains(&count) {
            return Err(format!("one call makes 1 to {PAYMENTS_MAX} payments, not {count}"));
        }
        if token == Some(Address::ZERO) {
            return Err("no token has the address zero".to_owned());
        }
        for Payment { recipient, amount } in &payments {
            if !(1..=AMOUNT_MAX).contains(amount) {
                return Err(format!(
                    "a payment of {amount} units to {recipient} must travel alone: up to \
                     {AMOUNT_MAX} units travel with others"
                ));
            }
        }
        Ok(Self { method, token, payments })
    }

    /// Whose code pays.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The token's contract; `None` for the network's own coin.
    pub fn token(&self) -> Option<Address> {
        self.token
    }

    /// What is paid, in order.
    pub fn payments(&self) -> &[Payment] {
        &self.payments
    }

    /// All of it, in smallest units.
    pub fn total(&self) -> U256 {
        self.payments.iter().map(|it| U256::from(it.amount)).sum()
    }

    /// Whom the transaction of `lane` calls.
    pub fn target(&self, lane: Address) -> Address {
        match self.method {
            Method::Contract => contract::ADDRESS,
            Method::Delegate => lane,
        }
    }

    /// How much of the network's coin the transaction carries, in wei. An account that pays by
    /// itself pays out of its balance.
    pub fn value(&self) -> U256 {
        match (self.method, self.token) {
            (Method::Contract, None) => self.total(),
            (Method::Contract, Some(_)) | (Method::Delegate, _) => U256::ZERO,
        }
    }

    /// The transaction's data.
    pub fn input(&self) -> Bytes {
        let words = self.payments.iter().map(|it| {
            let recipient = U256::from_be_bytes(it.recipient.into_word().0);
            (U256::from(it.amount) << 160) | recipient
        });
        let token = self.token.unwrap_or(Address::ZERO);
        Payouts::payCall { token, payments: words.collect() }.abi_encode().into()
    }

    /// Reads a transaction of `lane` back; `None` if it is no such call, or not exactly the bytes
    /// that [`Self::target`], [`Self::value`] and [`Self::input`] make.
    pub fn read(lane: Address, target: Address, value: U256, input: &Bytes) -> Option<Self> {
        let method = match target {
            contract::ADDRESS => Method::Contract,
            own if own == lane => Method::Delegate,
            _ => return None,
        };
        let call = Payouts::payCall::abi_decode_validate(input).ok()?;
        let token = (!call.token.is_zero()).then_some(call.token);
        let payment = |word: U256| {
            let recipient = Address::from_word(word.into());
            Some(Payment { recipient, amount: u128::try_from(word >> 160).ok()? })
        };
        let payments = call.payments.into_iter().map(payment).collect::<Option<_>>()?;
        let read = Self::new(method, token, payments).ok()?;
        (read.value() == value && read.input() == *input).then_some(read)
    }

    /// Which payments would not be made, from what `eth_call` of the same call returned.
    ///
    /// # Errors
    /// If that is not what the contract returns.
    pub fn would_fail(&self, returned: &[u8]) -> Result<BTreeSet<usize>, String> {
        let positions = Payouts::payCall::abi_decode_returns_validate(returned)
            .map_err(|error| format!("the contract did not answer: {error}"))?;
        self.positions(positions)
    }

    /// For each payment, whether it was made, from the logs of the transaction of `lane` that
    /// made the call and was not undone.
    ///
    /// # Errors
    /// Says what contradicts what. Then nothing is known about any payment, and a person must look.
    pub fn outcome(&self, lane: Address, logs: &[Log]) -> Result<Vec<bool>, String> {
        let made = self.made(lane, logs).map_err(|odd| odd.to_string())?;
        self.check_transfers(lane, logs, &made)?;
        Ok(made)
    }

    /// For each payment, whether the contract's code announced it as made; the token is not heard.
    ///
    /// # Errors
    /// If nobody announced anything, or if what was announced contradicts itself.
    pub(crate) fn made(&self, lane: Address, logs: &[Log]) -> Result<Vec<bool>, Odd> {
        let (unpaid, counts) = self.announced(lane, logs).map_err(Odd::Contradiction)?;
        let unpaid = self.positions(unpaid).map_err(Odd::Contradiction)?;
        let made: Vec<bool> = (0..self.payments.len()).map(|it| !unpaid.contains(&it)).collect();
        let count = self.payments.len() - unpaid.len();
        match counts.as_slice() {
            [announced] if *announced == U256::from(count) => {}
            [announced] => {
                let told = format!("{announced} payments were announced as made, not {count}");
                return Err(Odd::Contradiction(told));
            }
            [] if unpaid.is_empty() => return Err(Odd::NotServed),
            [] => {
                let told = "payments were announced as left out, and none as made".to_owned();
                return Err(Odd::Contradiction(told));
            }
            _ => return Err(Odd::Contradiction("the call was served more than once".to_owned())),
        }
        Ok(made)
    }

    /// What the code announced in the lane's name: positions left out, and counts of the others.
    /// Recipients may call the contract too, in their own name; that is not ours.
    fn announced(&self, lane: Address, logs: &[Log]) -> Result<(Vec<U256>, Vec<U256>), String> {
        let announcer = self.target(lane);
        let (mut unpaid, mut counts) = (Vec::new(), Vec::new());
        for log in logs.iter().filter(|log| log.address == announcer) {
            if let Some(event) = exactly::<Payouts::Unpaid>(log) {
                unpaid.extend((event.payer == lane).then_some(event.position));
            } else if let Some(event) = exactly::<Payouts::Paid>(log) {
                counts.extend((event.payer == lane).then_some(event.count));
            } else {
                return Err(format!("{announcer} announced what its code cannot: {log:?}"));
            }
        }
        Ok((unpaid, counts))
    }

    /// Positions within the call, each at most once.
    fn positions(&self, positions: Vec<U256>) -> Result<BTreeSet<usize>, String> {
        let mut found = BTreeSet::new();
        for position in positions {
            let inside = usize::try_from(position).ok().filter(|it| *it < self.payments.len());
            if !inside.is_some_and(|it| found.insert(it)) {
                return Err(format!("payment {position} is none of the call, or was told twice"));
            }
        }
        Ok(found)
    }

    /// Checks that the token announced exactly the payments that were made. Equal ones cannot be
    /// told apart, so they are counted.
    pub(crate) fn check_transfers(
        &self,
        lane: Address,
        logs: &[Log],
        made: &[bool],
    ) -> Result<(), String> {
        let Some(token) = self.token else { return Ok(()) };
        let mut balance: BTreeMap<(Address, U256), i64> = BTreeMap::new();
        for (payment, _) in self.payments.iter().zip(made).filter(|(_, made)| **made) {
            *balance.entry((payment.recipient, U256::from(payment.amount))).or_default() += 1;
        }
        for event in transfer::moved(token, lane, logs) {
            let Some(event) = event else {
                return Err("the token announced a transfer that cannot be read".to_owned());
            };
            *balance.entry((event.recipient, event.amount)).or_default() -= 1;
        }
        match balance.into_iter().find(|(_, difference)| *difference != 0) {
            None => Ok(()),
            Some(((recipient, amount), 1..)) => Err(format!(
                "{amount} units to {recipient} count as paid, and the token announced no such \
                 transfer"
            )),
            Some(((recipient, amount), _)) => Err(format!(
                "the token announced a transfer of {amount} units to {recipient} that does not \
                 count as paid"
            )),
        }
    }

    /// Which payments may have been made where the token's announcements are not those of `made`: as
    /// well as these, each one whose recipient got more transfers than it counts as paid, whatever
    /// their amounts. `None` if a transfer cannot be read, so that anybody may have got it.
    pub(crate) fn may_have_paid(
        &self,
        lane: Address,
        logs: &[Log],
        made: &[bool],
    ) -> Option<Vec<bool>> {
        let mut surplus: BTreeMap<Address, i64> = BTreeMap::new();
        if let Some(token) = self.token {
            for event in transfer::moved(token, lane, logs) {
                *surplus.entry(event?.recipient).or_default() += 1;
            }
        }
        for (payment, _) in self.payments.iter().zip(made).filter(|(_, made)| **made) {
            *surplus.entry(payment.recipient).or_default() -= 1;
        }
        let mut paid = made.to_vec();
        for (payment, paid) in self.payments.iter().zip(&mut paid).filter(|(_, paid)| !**paid) {
            if let Some(more) = surplus.get_mut(&payment.recipient).filter(|it| **it > 0) {
                *more -= 1;
                *paid = true;
            }
        }
        Some(paid)
    }
}

/// An event, if the log is its only encoding.
fn exactly<E: SolEvent>(log: &Log) -> Option<E> {
    let event = E::decode_raw_log(log.topics.iter().copied(), &log.data).ok()?;
    let again = event.encode_log_data();
    (again.topics() == log.topics && again.data == log.data).then_some(event)
}

#[cfg(test)]
#[path = "pay_call_tests.rs"]
mod tests;
