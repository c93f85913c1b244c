//! Whether tokens are what the catalog says, and what else their contracts can be asked.
//!
//! A token is asked for itself before it is used for the first time, and again at each attempt to
//! use it while it is stopped. A node that does not answer says nothing about a token.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use domain::{
    catalog::Asset,
    ports::{BuildError, Hold, HoldReason, Unreachable},
};
use net::RpcError;
use serde_json::{Value, json};

use crate::{
    node::{Node, lost},
    revert,
};

sol! {
    // ERC-20 and its usual extensions; the last three are those of Tether's and Circle's contracts.
    interface Asked {
        function decimals() external view returns (uint8);
        function symbol() external view returns (string);
        function isBlackListed(address who) external view returns (bool);
        function isBlacklisted(address who) external view returns (bool);
        function paused() external view returns (bool);
    }
}

/// What a node says for certain about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It returns this.
    Returned(Bytes),
    /// It is undone, for this reason.
    Undone(String),
}

impl Answer {
    /// Sorts the result of an `eth_call`.
    ///
    /// # Errors
    /// If the node says nothing about the call itself.
    pub(crate) fn of(result: Result<Value, RpcError>) -> Result<Self, Unreachable> {
        match result.and_then(bytes) {
            Ok(output) => Ok(Self::Returned(output)),
            Err(RpcError::Refused { code, message, data }) => {
                let reason = revert::reason(code, &message, data.as_ref());
                let error = RpcError::Refused { code, message, data };
                reason.map(Self::Undone).ok_or_else(|| lost("eth_call", &error))
            }
            Err(error @ RpcError::Unreachable(_)) => Err(lost("eth_call", &error)),
        }
    }

    /// The yes or no that it is; `None` if it is something else.
    pub(crate) fn truth(&self) -> Option<bool> {
        let word = self.word()?;
        (word <= U256::ONE).then_some(word == U256::ONE)
    }

    /// The one word that it is; `None` if it is something else.
    pub(crate) fn word(&self) -> Option<U256> {
        match self {
            Self::Returned(output) => {
                <[u8; 32]>::try_from(&output[..]).ok().map(U256::from_be_bytes)
            }
            Self::Undone(_) => None,
        }
    }
}

/// Reads the data that a call returned, or the code at an address.
pub(crate) fn bytes(value: Value) -> Result<Bytes, RpcError> {
    serde_json::from_value(value).map_err(|error| RpcError::Unreachable(error.to_string()))
}

/// A call that changes nothing, as of block `at`.
pub(crate) fn reading(target: Address, input: Vec<u8>, at: &str) -> (&'static str, Value) {
    ("eth_call", json!([{"to": target, "data": Bytes::from(input)}, at]))
}

/// Which of the questions that not every token has an answer to this one has. What is undone, and
/// what is neither yes nor no, is no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Habits {
    /// Whether it tells who may not hold it, by the name that Tether uses.
    pub(crate) black_listed: bool,
    /// Whether it tells who may not hold it, by the name that Circle uses.
    pub(crate) blacklisted: bool,
    /// Whether it tells that nothing can be transferred for now.
    pub(crate) paused: bool,
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// It is what the catalog says.
    Good(Habits),
    /// It is not; says what differs and what to do.
    Differs(String),
    /// This transaction moved something else than it was made for.
    PaidOtherwise(B256),
}

/// What is known of the tokens of a network in this process.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    standings: Mutex<BTreeMap<Address, Standing>>,
}

impl Tokens {
    /// Makes sure that `asset` is the token of the contract `token`, as of block `at`: asks unless
    /// it was found to be before, so that a stop ends by itself when the difference is mended.
    ///
    /// # Errors
    /// [`BuildError::Hold`] says why the asset is stopped.
    pub(crate) async fn check(
        &self,
        node: &Node,
        asset: &Asset,
        token: Address,
        at: &str,
    ) -> Result<Habits, BuildError> {
        let known = self.standings().get(&token).cloned();
        match known {
            Some(Standing::Good(habits)) => return Ok(habits),
            Some(Standing::PaidOtherwise(hash)) => return Err(stopped(otherwise(token, hash))),
            Some(Standing::Differs(_)) | None => {}
        }
        let found = ask(node, asset, token, at).await;
        match found? {
            Ok(habits) => {
                if known.is_some() {
                    tracing::info!(asset = %asset.id, "the token is what the catalog says again");
                }
                self.learn(token, Standing::Good(habits));
                Ok(habits)
            }
            Err(difference) => {
                let standing = Standing::Differs(difference.clone());
                if known.as_ref() != Some(&standing) {
                    tracing::error!("{difference}");
                }
                self.learn(token, standing);
                Err(stopped(difference))
            }
        }
    }

    /// Forgets what was found of a token that answers otherwise now, so that it is asked again.
    pub(crate) fn forget(&self, token: Address) {
        let mut standings = self.standings();
        if matches!(standings.get(&token), Some(Standing::Good(_))) {
            standings.remove(&token);
        }
    }

    /// Stops a token for as long as this process runs: `hash` took coins from a lane, and others
    /// than it was made for.
    pub(crate) fn paid_otherwise(&self, token: Address, hash: B256) {
        let before = self.standings().insert(token, Standing::PaidOtherwise(hash));
        if !matches!(before, Some(Standing::PaidOtherwise(_))) {
            tracing::error!(
                "the asset is stopped until the gateway is started again: {}",
                otherwise(token, hash)
            );
        }
    }

    fn learn(&self, token: Address, standing: Standing) {
        let mut standings = self.standings();
        if !matches!(standings.get(&token), Some(Standing::PaidOtherwise(_))) {
            standings.insert(token, standing);
        }
    }

    fn standings(&self) -> MutexGuard<'_, BTreeMap<Address, Standing>> {
        // Each change is one insertion or removal, so nothing is ever half done.
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stop of an asset, in words.
pub(crate) fn stopped(detail: String) -> BuildError {
    BuildError::Hold(Hold { reason: HoldReason::AssetStopped, detail })
}

fn otherwise(token: Address, hash: B256) -> String {
    format!(
        "transaction {hash} moved something else of token {token} than it was made for; compare it \
         with its payout, settle the difference, and start the gateway again"
    )
}

/// Asks a token for itself; the inner error says what differs.
async fn ask(
    node: &Node,
    asset: &Asset,
    token: Address,
    at: &str,
) -> Result<Result<Habits, String>, Unreachable> {
    // Any account does, to find out whether there is an answer at all.
    let who = Address::ZERO;
    let calls = vec![
        ("eth_getCode", json!([token, at])),
        reading(token, Asked::decimalsCall {}.abi_encode(), at),
        reading(token, Asked::symbolCall {}.abi_encode(), at),
        reading(token, Asked::isBlackListedCall { who }.abi_encode(), at),
        reading(token, Asked::isBlacklistedCall { who }.abi_encode(), at),
        reading(token, Asked::pausedCall {}.abi_encode(), at),
    ];
    let mut results = node.batch(calls).await?.into_iter();
    let code = results.next().unwrap_or(Ok(Value::Null)).and_then(bytes);
    let code = code.map_err(|error| lost("eth_getCode", &error))?;
    let answers: Vec<Answer> = results.map(Answer::of).collect::<Result<_, _>>()?;
    let [decimals, symbol, black_listed, blacklisted, paused] = answers.as_slice() else {
        return Err(Unreachable);
    };
    let has = |answer: &Answer| answer.truth().is_some();
    Ok(match difference(asset, token, &code, decimals, symbol) {
        Some(difference) => Err(difference),
        None => Ok(Habits {
            black_listed: has(black_listed),
            blacklisted: has(blacklisted),
            paused: has(paused),
        }),
    })
}

/// How a contract differs from its row, and what to do about it.
fn difference(
    asset: &Asset,
    token: Address,
    code: &Bytes,
    decimals: &Answer,
    symbol: &Answer,
) -> Option<String> {
    let id = &asset.id;
    if code.is_empty() {
        return Some(format!(
            "{id} is stopped: there is no contract at {token}; correct the asset's contract in the \
             catalog, or rpc if the node is on another network"
        ));
    }
    let expected = U256::from(asset.decimals);
    if decimals.word() != Some(expected) {
        let found = decimals.word().map_or("no number".to_owned(), |it| it.to_string());
        return Some(format!(
            "{id} is stopped: decimals() of contract {token} tells {found}, and the catalog says \
             {expected}; correct the asset's row in the catalog"
        ));
    }
    let found = name(symbol);
    let fits = |it: &String| *it == asset.ticker || asset.symbols.contains(it);
    if found.as_ref().is_some_and(fits) {
        return None;
    }
    let names: Vec<&str> =
        std::iter::once(&asset.ticker).chain(&asset.symbols).map(String::as_str).collect();
    let found = found.map_or("no text".to_owned(), |it| format!("{:?}", revert::printable(&it)));
    Some(format!(
        "{id} is stopped: symbol() of contract {token} tells {found}, and the catalog says {:?}; \
         correct the asset's contract in the catalog, or, if it is the right one, add what it tells \
         to its symbols there or in vyplata.toml",
        names.join(" or ")
    ))
}

/// The text that `symbol()` returned, in the way of ERC-20 or, as older tokens do, in 32 bytes that
/// end in zeros.
fn name(symbol: &Answer) -> Option<String> {
    let Answer::Returned(output) = symbol else { return None };
    let text = match <&[u8; 32]>::try_from(&output[..]) {
        Ok(word) => {
            let end = word.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            String::from_utf8(word[..end].to_vec()).ok()
        }
        Err(_) => String::abi_decode(output).ok(),
    };
    text.filter(|it| !it.is_empty())
}

/// The question whether `who` may not hold a token, in the words that it understands.
pub(crate) fn blacklist_questions(
    token: Address,
    habits: Habits,
    who: Address,
    at: &str,
) -> Vec<(&'static str, Value)> {
    let mut calls = vec![];
    if habits.black_listed {
        calls.push(reading(token, Asked::isBlackListedCall { who }.abi_encode(), at));
    }
    if habits.blacklisted {
        calls.push(reading(token, Asked::isBlacklistedCall { who }.abi_encode(), at));
    }
    calls
}

/// The question whether a token is paused.
pub(crate) fn pause_question(token: Address, at: &str) -> (&'static str, Value) {
    reading(token, Asked::pausedCall {}.abi_encode(), at)
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
