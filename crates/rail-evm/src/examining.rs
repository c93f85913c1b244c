//! Looks at a call that makes many payments as of one block before it is signed. Whatever is found
//! about single payments takes these out, so that the others are not held up.

use std::{collections::BTreeSet, vec};

use alloy_primitives::{Address, U256};
use domain::{
    catalog::Asset,
    ports::{BuildError, HoldReason, Unreachable},
};
use net::RpcError;
use serde_json::{Value, json};

use crate::{
    contract,
    drafting::hold,
    errand::Errand,
    node::{Node, lost, quantity},
    pay_call::{Method, PayCall},
    preflight::{self, Gas, Preflight, Trial},
    preparing::{code_at, had_code},
    terms::Terms,
    tokens::{self, Answer, Habits},
    transfer::Transfer,
};

/// A call that is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Many<'a> {
    /// Who pays.
    pub(crate) payer: Address,
    /// What is paid.
    pub(crate) asset: &'a Asset,
    /// The payments.
    pub(crate) call: &'a PayCall,
    /// The block as of which everything is asked.
    pub(crate) block: u64,
    /// The block up to which all is final, unless an earlier call of the same payments is replaced.
    pub(crate) final_head: Option<u64>,
}

/// What was found out about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    /// Whether the code that makes the payments is where it is called.
    has_code: bool,
    /// Whether the token's issuer has stopped all transfers.
    is_paused: bool,
    /// Whether the token refuses the lane.
    lane_is_blacklisted: bool,
    /// The recipients that the token refuses, by their places.
    blacklisted: BTreeSet<u32>,
    /// The recipients whose accounts do not exist yet: coins for them cost more within a call, which
    /// has to make the account, than in a transaction, which makes it for nothing.
    unborn: BTreeSet<u32>,
    /// What the call answers; `None` if there is no transaction to try.
    call: Option<Answer>,
    /// What the first payment moves, made alone.
    trial: Trial,
}

impl Facts {
    fn verdict(
        &self,
        many: &Many<'_>,
        mut alone: BTreeSet<u32>,
        drafted: Result<Terms, BuildError>,
    ) -> Result<Terms, BuildError> {
        let id = &many.asset.id;
        if self.is_paused {
            return Err(tokens::stopped(format!(
                "the issuer of {id} has paused all transfers; goes on when they are allowed again"
            )));
        }
        if self.lane_is_blacklisted {
            return Err(tokens::stopped(format!(
                "the issuer of {id} has blacklisted the lane {}: its coins are frozen; ask the \
                 issuer why",
                many.payer
            )));
        }
        if !self.has_code {
            return Err(many.all_alone("the contract that pays many is not there"));
        }
        alone.extend(self.blacklisted.iter().chain(&self.unborn));
        let terms = match drafted {
            Ok(terms) => terms,
            Err(BuildError::Refused(why)) if alone.is_empty() => return Err(many.all_alone(&why)),
            Err(BuildError::Refused(_)) => return Err(without(alone)),
            Err(other) => return Err(other),
        };
        match &self.call {
            Some(Answer::Returned(output)) => {
                let failing = many.call.would_fail(output);
                let failing = failing.map_err(|why| many.all_alone(&why))?;
                alone.extend(failing.into_iter().filter_map(|it| u32::try_from(it).ok()));
            }
            Some(Answer::Undone(reason)) => return Err(many.all_alone(reason)),
            // Without a call there is nothing that could be signed.
            None => return Err(BuildError::Unreachable),
        }
        self.moves_the_amount(many)?;
        if alone.is_empty() { Ok(terms) } else { Err(without(alone)) }
    }

    /// A token that takes a fee is found out by one payment; alone, each is refused for it.
    fn moves_the_amount(&self, many: &Many<'_>) -> Result<(), BuildError> {
        let amount = many.call.payments().first().map_or(U256::ZERO, |it| U256::from(it.amount));
        match &self.trial {
            Trial::None | Trial::Failed(_) => Ok(()),
            Trial::NotTried(said) => {
                let detail = format!("the node does not try what a transfer moves: {said}");
                Err(hold(HoldReason::NotEstimated, detail))
            }
            Trial::Moved { arrived, left, .. } if (*arrived, *left) == (amount, amount) => Ok(()),
            Trial::Moved { .. } => Err(many.all_alone("the token takes a fee on transfers")),
        }
    }
}

impl Many<'_> {
    fn all_alone(&self, why: &str) -> BuildError {
        let alone = (0_u32..).zip(self.call.payments()).map(|it| it.0).collect();
        BuildError::Split { alone, detail: format!("they cannot be paid together: {why}") }
    }
}

/// These must travel alone.
fn without(alone: BTreeSet<u32>) -> BuildError {
    let detail = "it cannot be paid with others, or costs less alone".to_owned();
    BuildError::Split { alone: alone.into_iter().collect(), detail }
}

impl Preflight {
    /// Examines a call that makes many payments.
    ///
    /// # Errors
    /// The draft's own, why nothing must be signed, or which payments must be made alone.
    pub(crate) async fn examine_many(
        &self,
        node: &Node,
        many: Many<'_>,
        drafted: Result<Terms, BuildError>,
    ) -> Result<Terms, BuildError> {
        match &drafted {
            Err(
                BuildError::Unreachable
                | BuildError::NotNeeded
                | BuildError::AwaitingGas { .. }
                | BuildError::TooMany { .. }
                | BuildError::Split { .. },
            ) => {
                return drafted;
            }
            Err(BuildError::Hold(hold)) if hold.reason != HoldReason::NotEstimated => {
                return drafted;
            }
            Ok(_) | Err(BuildError::Hold(_) | BuildError::Refused(_)) => {}
        }
        let never = |it: &Address| *it == many.payer || self.unpaid.contains_key(it);
        let recipients = (0_u32..).zip(many.call.payments());
        let alone: BTreeSet<u32> =
            recipients.filter(|it| never(&it.1.recipient)).map(|it| it.0).collect();
        let at = quantity(many.block);
        let habits = match many.call.token() {
            Some(token) => self.tokens.check(node, many.asset, token, &at).await?,
            None => Habits::default(),
        };
        let gas = drafted.as_ref().ok().map(Gas::of);
        let facts = self.ask_many(node, &many, habits, gas).await;
        facts?.verdict(&many, alone, drafted)
    }

    /// Asks everything as of one block.
    async fn ask_many(
        &self,
        node: &Node,
        many: &Many<'_>,
        habits: Habits,
        gas: Option<Gas>,
    ) -> Result<Facts, Unreachable> {
        let call = many.call;
        let mut replies = Replies(node.batch(questions(many, habits, gas)).await?.into_iter());
        let has_code = replies.has_code(many)?;
        let said_yes = |replies: &mut Replies, asked: usize| -> Result<bool, Unreachable> {
            let mut yes = false;
            for _ in 0..asked {
                yes |= self.truth(call.token(), &Answer::of(replies.next())?)?;
            }
            Ok(yes)
        };
        let lists = usize::from(habits.black_listed) + usize::from(habits.blacklisted);
        let is_paused = said_yes(&mut replies, usize::from(habits.paused))?;
        let lane_is_blacklisted = said_yes(&mut replies, lists)?;
        let (mut blacklisted, mut unborn) = (BTreeSet::new(), BTreeSet::new());
        for (place, _) in (0_u32..).zip(call.payments()) {
            if call.token().is_none() {
                unborn.extend(replies.is_nobody()?.then_some(place));
            } else {
                blacklisted.extend(said_yes(&mut replies, lists)?.then_some(place));
            }
        }
        let is_tried = gas.is_some();
        let answer = is_tried.then(|| Answer::of(replies.next())).transpose()?;
        let trial = match (is_tried, call.token()) {
            (true, Some(_)) => self.trial(replies.next())?,
            (_, None) | (false, Some(_)) => Trial::None,
        };
        let call = answer;
        Ok(Facts { has_code, is_paused, lane_is_blacklisted, blacklisted, unborn, call, trial })
    }
}

/// What a node is asked about an account that may not exist.
const OF_AN_ACCOUNT: [&str; 3] = ["eth_getBalance", "eth_getTransactionCount", "eth_getCode"];

/// What a node is asked about a call, in the order in which [`Preflight::ask_many`] reads it.
fn questions(many: &Many<'_>, habits: Habits, gas: Option<Gas>) -> Vec<(&'static str, Value)> {
    let Many { payer, call, block, final_head, .. } = *many;
    let at = quantity(block);
    let target = call.target(payer);
    let mut calls = vec![code_at(target, block)];
    calls.extend(final_head.map(|head| code_at(target, head)));
    if let Some(token) = call.token() {
        calls.extend(habits.paused.then(|| tokens::pause_question(token, &at)));
        let recipients = call.payments().iter().map(|it| it.recipient);
        for who in [payer].into_iter().chain(recipients) {
            calls.extend(tokens::blacklist_questions(token, habits, who, &at));
        }
    } else {
        for payment in call.payments() {
            calls.extend(OF_AN_ACCOUNT.map(|method| (method, json!([payment.recipient, at]))));
        }
    }
    if let Some(gas) = gas {
        calls.push(preflight::simulation(payer, &Errand::PayMany(call.clone()), gas, &at));
        if let (Some(token), Some(first)) = (call.token(), call.payments().first()) {
            let (recipient, amount) = (first.recipient, U256::from(first.amount));
            let transfer = Transfer { token: Some(token), recipient, amount };
            calls.push(preflight::trial(payer, token, &transfer, &at));
        }
    }
    calls
}

/// The answers to [`questions`], in their order.
struct Replies(vec::IntoIter<Result<Value, RpcError>>);

impl Replies {
    fn next(&mut self) -> Result<Value, RpcError> {
        self.0.next().unwrap_or_else(preflight::no_answer)
    }

    /// Whether the code that makes the payments is where it is called. Coins that are sent to where
    /// the contract is not are lost, so it must be there for good. An account that does not run the
    /// code pays nothing. This is what one endpoint says; that others bear it out is looked at by
    /// [`crate::agreeing::doubt_of_contract`].
    fn has_code(&mut self, many: &Many<'_>) -> Result<bool, Unreachable> {
        let code = self.next().and_then(tokens::bytes);
        let code = code.map_err(|error| lost("eth_getCode", &error))?;
        let had = many.final_head.and_then(|_| had_code(self.next(), contract::runtime()));
        Ok(match many.call.method() {
            Method::Contract => code == *contract::runtime() && had == Some(true),
            Method::Delegate => code == contract::delegation(),
        })
    }

    /// Whether an account does not exist yet (EIP-161): no coins, no transactions, no code.
    fn is_nobody(&mut self) -> Result<bool, Unreachable> {
        let mut is_nothing = true;
        for method in OF_AN_ACCOUNT {
            let told = self.next().map_err(|error| lost(method, &error))?;
            let told = told.as_str().ok_or(Unreachable)?;
            is_nothing &= told.trim_start_matches("0x").chars().all(|it| it == '0');
        }
        Ok(is_nothing)
    }
}

#[cfg(test)]
#[path = "examining_tests.rs"]
mod tests;
