//! Looks at a payment as of one block before it is signed: whom it goes to, whether the token
//! would take it there, and what it would move.

use std::{
    collections::BTreeMap,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, sol};
use domain::{
    catalog::Asset,
    ports::{BuildError, HoldReason, Unreachable},
};
use net::RpcError;
use serde_json::{Value, json};

use crate::{
    drafting::{hold, text},
    errand::Errand,
    node::{Node, lost, quantity},
    revert,
    terms::Terms,
    tokens::{self, Answer, Habits, Tokens},
    transfer::Transfer,
};

sol! {
    // contracts/Probe.sol
    interface Probe {
        function probe(address token, address recipient, uint256 amount)
            external returns (bool went, bytes returned, uint256[4] balances);
    }
}

/// What runs in a lane's place for one call: `contracts/Probe.sol`, compiled.
static PROBE: LazyLock<String> =
    LazyLock::new(|| format!("0x{}", include_str!("../contracts/Probe.hex").trim()));

/// A payment that is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Payment<'a> {
    /// Who pays.
    pub(crate) payer: Address,
    /// What is paid.
    pub(crate) asset: &'a Asset,
    /// The payment.
    pub(crate) transfer: Transfer,
    /// The block as of which everything is asked.
    pub(crate) block: u64,
}

/// Who is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resident {
    /// Nobody with a program, or somebody who has a key and lends another's program to the account
    /// ([EIP-7702](https://eips.ethereum.org/EIPS/eip-7702): the code is `0xef0100` and an address).
    Account,
    /// A contract.
    Contract,
}

/// What the trial of a token's transfer moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    /// There was none: nothing to try, or the node does not put programs in others' places.
    None,
    /// It did not go through, although the same call without the probe does.
    Failed(String),
    /// It went through.
    Moved {
        /// What the transfer returned.
        returned: Bytes,
        /// How much more the recipient holds.
        arrived: U256,
        /// How much less the lane holds.
        left: U256,
    },
    /// The node answers an error that says nothing about the transfer.
    NotTried(String),
}

/// What was found out about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Who is at the recipient's address.
    pub(crate) recipient: Resident,
    /// Whether the token refuses the lane.
    pub(crate) lane_is_blacklisted: bool,
    /// Whether the token refuses the recipient, or would freeze what is sent there.
    pub(crate) recipient_is_blacklisted: bool,
    /// Whether the token's issuer has stopped all transfers.
    pub(crate) is_paused: bool,
    /// What the call answers; `None` if there is no transaction to try.
    pub(crate) call: Option<Answer>,
    /// What the transfer moves.
    pub(crate) trial: Trial,
}

impl Facts {
    /// Decides whether the transaction that was drafted may be signed.
    pub(crate) fn verdict(
        &self,
        payment: &Payment<'_>,
        drafted: Result<Terms, BuildError>,
    ) -> Result<Terms, BuildError> {
        let id = &payment.asset.id;
        let (payer, recipient) = (payment.payer, payment.transfer.recipient);
        if self.is_paused {
            return Err(tokens::stopped(format!(
                "the issuer of {id} has paused all transfers; goes on when they are allowed again"
            )));
        }
        if self.lane_is_blacklisted {
            return Err(tokens::stopped(format!(
                "the issuer of {id} has blacklisted the lane {payer}: its coins are frozen; ask the \
                 issuer why"
            )));
        }
        if self.recipient_is_blacklisted {
            return Err(BuildError::Refused(format!(
                "the issuer of {id} has blacklisted {recipient}: what is sent there would be frozen"
            )));
        }
        let drafted = drafted.map_err(|error| self.with_recipient(payment, error))?;
        match &self.call {
            Some(Answer::Returned(output)) => accepts(payment, output)?,
            Some(Answer::Undone(reason)) => {
                let refused = BuildError::Refused(reason.clone());
                return Err(self.with_recipient(payment, refused));
            }
            // Without a call there is nothing that could be signed.
            None => return Err(BuildError::Unreachable),
        }
        self.moves_the_amount(payment)?;
        Ok(drafted)
    }

    /// Says of a refused payment of the network's coin that a contract refused it.
    fn with_recipient(&self, payment: &Payment<'_>, error: BuildError) -> BuildError {
        match (error, self.recipient, payment.transfer.token) {
            (BuildError::Refused(reason), Resident::Contract, None) => {
                BuildError::Refused(format!("{reason} (the recipient is a contract)"))
            }
            (error, _, _) => error,
        }
    }

    fn moves_the_amount(&self, payment: &Payment<'_>) -> Result<(), BuildError> {
        let (asset, amount) = (payment.asset, payment.transfer.amount);
        let id = &asset.id;
        match &self.trial {
            Trial::None => Ok(()),
            Trial::Failed(reason) => {
                tracing::warn!(asset = %id, reason, "what a transfer moves cannot be tried");
                Ok(())
            }
            Trial::NotTried(said) => {
                let detail = format!("the node does not try what the transfer moves: {said}");
                Err(hold(HoldReason::NotEstimated, detail))
            }
            Trial::Moved { returned, arrived, left } => {
                accepts(payment, returned)?;
                if (*arrived, *left) == (amount, amount) {
                    return Ok(());
                }
                let (amount, arrived, left) =
                    (text(asset, amount), text(asset, *arrived), text(asset, *left));
                Err(BuildError::Refused(format!(
                    "the token takes a fee on transfers: of {amount}, {arrived} would arrive, and \
                     {left} would leave the lane"
                )))
            }
        }
    }
}

/// Whether what a transfer returned means that it was made: nothing, as some tokens do, or true.
fn accepts(payment: &Payment<'_>, output: &Bytes) -> Result<(), BuildError> {
    let Some(token) = payment.transfer.token else { return Ok(()) };
    if output.is_empty() || Answer::Returned(output.clone()).truth() == Some(true) {
        return Ok(());
    }
    let said = match Answer::Returned(output.clone()).truth() {
        Some(_) => "false".to_owned(),
        None => revert::printable(&output.to_string()),
    };
    Err(BuildError::Refused(format!(
        "token {token} answers {said} to the transfer, which means that it does not pay"
    )))
}

/// The examination that every payment of a network goes through.
#[derive(Debug, Default)]
pub(crate) struct Preflight {
    /// What is known of the network's tokens.
    pub(crate) tokens: Tokens,
    /// Who is never paid, and what is at that address.
    pub(crate) unpaid: BTreeMap<Address, &'static str>,
    told_that_there_are_no_overrides: AtomicBool,
}

impl Preflight {
    /// Never pays `addresses`, which are `what`.
    pub(crate) fn never_pay(
        &mut self,
        addresses: impl IntoIterator<Item = Address>,
        what: &'static str,
    ) {
        self.unpaid.extend(addresses.into_iter().map(|it| (it, what)));
    }

    /// Examines a payment. Whatever was drafted, an asset that is stopped is told first.
    ///
    /// # Errors
    /// The draft's own, or why it must not be signed.
    pub(crate) async fn examine(
        &self,
        node: &Node,
        payment: Payment<'_>,
        drafted: Result<Terms, BuildError>,
    ) -> Result<Terms, BuildError> {
        match &drafted {
            // These need no examination: there is nothing to sign.
            Err(
                BuildError::Unreachable
                | BuildError::NotNeeded
                | BuildError::AwaitingGas { .. }
                | BuildError::TooMany { .. },
            ) => return drafted,
            Err(BuildError::Hold(hold)) if hold.reason != HoldReason::NotEstimated => {
                return drafted;
            }
            Ok(_)
            | Err(BuildError::Hold(_) | BuildError::Refused(_) | BuildError::Split { .. }) => {}
        }
        self.check_recipient(&payment)?;
        let at = quantity(payment.block);
        let habits = match payment.transfer.token {
            Some(token) => self.tokens.check(node, payment.asset, token, &at).await?,
            None => Habits::default(),
        };
        let gas = drafted.as_ref().ok().map(Gas::of);
        let facts = self.ask(node, &payment, habits, gas).await;
        facts?.verdict(&payment, drafted)
    }

    fn check_recipient(&self, payment: &Payment<'_>) -> Result<(), BuildError> {
        let recipient = payment.transfer.recipient;
        let what = match self.unpaid.get(&recipient) {
            _ if recipient == payment.payer => "the lane that pays",
            Some(what) => what,
            None => return Ok(()),
        };
        Err(BuildError::Refused(format!("the recipient {recipient} is {what}")))
    }

    /// Asks everything in one exchange, as of one block.
    async fn ask(
        &self,
        node: &Node,
        payment: &Payment<'_>,
        habits: Habits,
        gas: Option<Gas>,
    ) -> Result<Facts, Unreachable> {
        let Payment { payer, transfer, block, .. } = *payment;
        let at = quantity(block);
        let mut calls = vec![("eth_getCode", json!([transfer.recipient, at]))];
        if let Some(token) = transfer.token {
            calls.extend(tokens::blacklist_questions(token, habits, payer, &at));
            calls.extend(tokens::blacklist_questions(token, habits, transfer.recipient, &at));
            calls.extend(habits.paused.then(|| tokens::pause_question(token, &at)));
        }
        if let Some(gas) = gas {
            calls.push(simulation(payer, &Errand::Pay(transfer), gas, &at));
            calls.extend(transfer.token.map(|token| trial(payer, token, &transfer, &at)));
        }
        let mut results = node.batch(calls).await?.into_iter();
        let mut next = || results.next().unwrap_or_else(no_answer);
        let code = next().and_then(tokens::bytes);
        let code = code.map_err(|error| lost("eth_getCode", &error))?;
        let mut said_yes = |asked: usize| -> Result<bool, Unreachable> {
            let mut yes = false;
            for _ in 0..asked {
                yes |= self.truth(transfer.token, &Answer::of(next())?)?;
            }
            Ok(yes)
        };
        let lists = usize::from(habits.black_listed) + usize::from(habits.blacklisted);
        let lane_is_blacklisted = said_yes(lists)?;
        let recipient_is_blacklisted = said_yes(lists)?;
        let is_paused = said_yes(usize::from(habits.paused))?;
        let call = gas.map(|_| Answer::of(next())).transpose()?;
        let trial = match (gas, transfer.token) {
            (Some(_), Some(_)) => self.trial(next())?,
            (_, None) | (None, _) => Trial::None,
        };
        Ok(Facts {
            recipient: resident(&code),
            lane_is_blacklisted,
            recipient_is_blacklisted,
            is_paused,
            call,
            trial,
        })
    }

    /// The yes or no to a question that the token had an answer to before.
    pub(crate) fn truth(
        &self,
        token: Option<Address>,
        answer: &Answer,
    ) -> Result<bool, Unreachable> {
        answer.truth().ok_or_else(|| {
            if let Some(token) = token {
                tracing::warn!(%token, ?answer, "the token does not answer as it did before");
                self.tokens.forget(token);
            }
            Unreachable
        })
    }

    /// Reads what the trial moved.
    pub(crate) fn trial(&self, result: Result<Value, RpcError>) -> Result<Trial, Unreachable> {
        let output = match result.and_then(tokens::bytes) {
            Ok(output) => output,
            Err(error @ RpcError::Unreachable(_)) => return Err(lost("eth_call", &error)),
            Err(RpcError::Refused { code, message, data }) => {
                let said = format!("{} ({code})", revert::printable(&message));
                return Ok(match revert::reason(code, &message, data.as_ref()) {
                    Some(reason) => Trial::Failed(reason),
                    None if knows_no_overrides(code, &message) => self.no_trial(&said),
                    None => Trial::NotTried(said),
                });
            }
        };
        // Without the probe there is nothing at the lane that could answer.
        let Ok(found) = Probe::probeCall::abi_decode_returns_validate(&output) else {
            return Ok(self.no_trial("it leaves the program out"));
        };
        if !found.went {
            return Ok(Trial::Failed(revert::printable(&found.returned.to_string())));
        }
        let [recipient_before, lane_before, recipient_after, lane_after] = found.balances;
        Ok(Trial::Moved {
            returned: found.returned,
            arrived: recipient_after.saturating_sub(recipient_before),
            left: lane_before.saturating_sub(lane_after),
        })
    }

    fn no_trial(&self, why: &str) -> Trial {
        if !self.told_that_there_are_no_overrides.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                why,
                "a node does not run calls with other programs in place (state overrides): that a \
                 token takes a fee is noticed after the first payment only"
            );
        }
        Trial::None
    }
}

pub(crate) fn no_answer() -> Result<Value, RpcError> {
    Err(RpcError::Unreachable("a call of the batch has no answer".to_owned()))
}

/// What a transaction has for gas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gas {
    /// How much it may take.
    limit: u64,
    /// The most that it offers for a unit of it, in wei.
    price: u128,
}

impl Gas {
    /// That of a transaction as it was decided on.
    pub(crate) fn of(terms: &Terms) -> Self {
        Self { limit: terms.gas_limit, price: terms.fees.max_fee }
    }
}

/// The transaction as a call, with no more gas than it would have, and with its price: without, the
/// gas of a call costs nothing, by which programs can tell that nothing is at stake, and do one
/// thing then and another when it is. The lane was found to hold what that costs.
pub(crate) fn simulation(
    payer: Address,
    errand: &Errand,
    gas: Gas,
    at: &str,
) -> (&'static str, Value) {
    let call = json!({
        "from": payer,
        "to": errand.target(payer),
        "value": errand.value(),
        "data": errand.input(),
        "gas": quantity(gas.limit),
        "gasPrice": format!("{:#x}", gas.price),
    });
    ("eth_call", json!([call, at]))
}

/// The transfer as the probe makes it, in the lane's place.
pub(crate) fn trial(
    payer: Address,
    token: Address,
    transfer: &Transfer,
    at: &str,
) -> (&'static str, Value) {
    let Transfer { recipient, amount, .. } = *transfer;
    let data = Bytes::from(Probe::probeCall { token, recipient, amount }.abi_encode());
    let call = json!({"from": payer, "to": payer, "data": data});
    let mut places = serde_json::Map::new();
    places.insert(payer.to_string(), json!({"code": *PROBE}));
    ("eth_call", json!([call, at, places]))
}

/// Whether an error means that the node does not take a third parameter of `eth_call`, or not this
/// one. The codes are those of JSON-RPC for wrong parameters and unknown methods.
fn knows_no_overrides(code: i64, message: &str) -> bool {
    let message = message.to_lowercase();
    let about_parameters = ["argument", "param", "override"].iter().any(|it| message.contains(it));
    matches!(code, -32_602 | -32_601) || about_parameters
}

/// Reads the code at an address.
fn resident(code: &Bytes) -> Resident {
    let is_delegation = code.len() == 23 && code.starts_with(&[0xef, 0x01, 0x00]);
    if code.is_empty() || is_delegation { Resident::Account } else { Resident::Contract }
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;
