//! Looks at a call that makes many payments as of one block before it is signed. Whatever is found
//! about single payments takes these out, so that the others are not held up.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use domain::{
    catalog::Asset,
    ports::{BuildError, HoldReason, Unreachable},
};
use serde_json::json;

use crate::{
    contract,
    drafting::hold,
    errand::Errand,
    node::{Node, lost, quantity},
    pay_call::{Method, PayCall},
    preflight::{self, Preflight, Trial},
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
            Err(BuildError::Unreachable | BuildError::NotNeeded | BuildError::Split { .. }) => {
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
        let gas = drafted.as_ref().ok().map(|terms| terms.gas_limit);
        let facts = self.ask_many(node, &many, habits, gas).await;
        facts.map_err(|Unreachable| BuildError::Unreachable)?.verdict(&many, alone, drafted)
    }

    /// Asks everything as of one block.
    async fn ask_many(
        &self,
        node: &Node,
        many: &Many<'_>,
        habits: Habits,
        gas: Option<u64>,
    ) -> Result<Facts, Unreachable> {
        let Many { payer, call, block, .. } = *many;
        let at = quantity(block);
        let mut calls = vec![("eth_getCode", json!([call.target(payer), at]))];
        if let Some(token) = call.token() {
            calls.extend(habits.paused.then(|| tokens::pause_question(token, &at)));
            let recipients = call.payments().iter().map(|it| it.recipient);
            for who in [payer].into_iter().chain(recipients) {
                calls.extend(tokens::blacklist_questions(token, habits, who, &at));
            }
        } else {
            for payment in call.payments() {
                let account = payment.recipient;
                calls.push(("eth_getBalance", json!([account, at])));
                calls.push(("eth_getTransactionCount", json!([account, at])));
                calls.push(("eth_getCode", json!([account, at])));
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
        let mut results = node.batch(calls).await?.into_iter();
        let mut next = || results.next().unwrap_or_else(preflight::no_answer);
        let code = next().and_then(tokens::bytes).map_err(|error| lost("eth_getCode", &error))?;
        let has_code = match call.method() {
            Method::Contract => code == *contract::runtime(),
            Method::Delegate => code == contract::delegation(),
        };
        let lists = usize::from(habits.black_listed) + usize::from(habits.blacklisted);
        let mut said_yes = |asked: usize| -> Result<bool, Unreachable> {
            let mut yes = false;
            for _ in 0..asked {
                yes |= self.truth(call.token(), &Answer::of(next())?)?;
            }
            Ok(yes)
        };
        let is_paused = said_yes(usize::from(habits.paused))?;
        let lane_is_blacklisted = said_yes(lists)?;
        let (mut blacklisted, mut unborn) = (BTreeSet::new(), BTreeSet::new());
        let places = (0_u32..).zip(call.payments()).map(|it| it.0);
        if call.token().is_some() {
            for place in places {
                if said_yes(lists)? {
                    blacklisted.insert(place);
                }
            }
        } else {
            for place in places {
                let mut is_nothing = true;
                for method in ["eth_getBalance", "eth_getTransactionCount", "eth_getCode"] {
                    let told = next().map_err(|error| lost(method, &error))?;
                    let told = told.as_str().ok_or(Unreachable)?;
                    is_nothing &= told.trim_start_matches("0x").chars().all(|it| it == '0');
                }
                if is_nothing {
                    unborn.insert(place);
                }
            }
        }
        let is_tried = gas.is_some();
        let answer = is_tried.then(|| Answer::of(next())).transpose()?;
        let trial = match (is_tried, call.token()) {
            (true, Some(_)) => self.trial(next())?,
            (_, None) | (false, Some(_)) => Trial::None,
        };
        let call = answer;
        Ok(Facts { has_code, is_paused, lane_is_blacklisted, blacklisted, unborn, call, trial })
    }
}

#[cfg(test)]
#[path = "examining_tests.rs"]
mod tests;
