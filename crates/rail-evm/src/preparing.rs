//! What a lane has to do once before it pays many in one transaction, and numbers that it skipped.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use alloy_primitives::{Address, Bytes, U64, U256};
use alloy_sol_types::SolCall;
use domain::{chore::Chore, grouping::BatchSize, ids::AssetId, lane::Lane, ports::Unreachable};
use net::RpcError;
use serde_json::{Value, json};

use crate::{
    agreeing, contract,
    node::{Node, lost, quantity},
    pay_call::Method,
    rail::{Evm, address, misconfigured, token_of},
    tokens::{self, Answer},
    transfer::{self, Erc20},
};

/// From how many coins on they cost less together than alone, and from how many tokens: a call of
/// the contract costs about 24,000 gas by itself, and then 10,134 for each payment of coins instead
/// of 21,000, or 11,550 for each of tokens instead of 38,553. `tests/it/gas_table.rs` measures it.
pub(crate) const COINS_MIN: u32 = 3;
pub(crate) const TOKENS_MIN: u32 = 2;

/// An allowance that is less than this is given anew. Tokens whose allowance is used up by payments
/// get there after more of them than there are coins; some keep no more than 96 bits of it.
const ALLOWANCE_MIN: U256 = U256::from_limbs([0, 1 << 31, 0, 0]);

/// Which lanes can pay many of which tokens (`None` is the network's coin) in one transaction, as
/// far as that was looked at.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    known: Mutex<Known>,
    /// Whether a quorum had the contract as of final blocks. It stays: these blocks do, and the
    /// contract has no way to end.
    contract_is_borne_out: AtomicBool,
    told_that_there_is_no_proxy: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    can_pay: BTreeSet<(Address, Option<Address>)>,
    /// How often a lane was found to lack something, in words.
    lacked: BTreeMap<(Address, String), u32>,
}

impl Prepared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn can_pay(&self, lane: Address, token: Option<Address>) -> bool {
        self.known().can_pay.contains(&(lane, token))
    }

    /// Takes down whether a lane can pay many of a token at once.
    fn set(&self, lane: Address, token: Option<Address>, can: bool) {
        let mut known = self.known();
        if can {
            known.can_pay.insert((lane, token));
        } else {
            known.can_pay.remove(&(lane, token));
        }
    }

    /// Takes down what a lane lacks, and tells what of it to do now. What was done in vain is tried
    /// again after twice as long each time.
    fn lacks(&self, lane: Address, missing: Vec<String>) -> Option<String> {
        let mut known = self.known();
        known.lacked.retain(|(whose, what), _| *whose != lane || missing.contains(what));
        let mut first = None;
        for what in missing {
            let count = known.lacked.entry((lane, what.clone())).or_default();
            *count = count.saturating_add(1);
            if first.is_none() && count.is_power_of_two() {
                first = Some(what);
            }
        }
        first
    }
}

/// What was found out about a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    /// How many transactions it has made.
    count: u64,
    /// The height up to which blocks are final.
    final_head: u64,
    /// How many of them are final.
    count_final: Option<u64>,
    /// The code of its account.
    code: Bytes,
    /// Whether the contract that pays many is there.
    has_contract: bool,
    /// Whether it was there at the final head, as a quorum bears out: coins sent to where it is not
    /// yet are lost.
    had_contract: bool,
    /// Whether there is what puts it there.
    has_proxy: bool,
    /// The tokens that it holds, and how much of each the contract may take.
    allowances: Vec<(Address, U256)>,
}

impl Facts {
    /// The number that was skipped, if one was: nothing waits with it, and all before it are final.
    fn gap(&self, next_sequence: u64, live: &BTreeSet<u64>) -> Option<u64> {
        let count = self.count;
        let is_settled = self.count_final == Some(count);
        (is_settled && count < next_sequence && !live.contains(&count)).then_some(count)
    }

    /// What has to be done first so that the lane pays many by `method`, in the words of
    /// [`crate::errand::Errand::of_words`].
    fn missing(&self, method: Method) -> Vec<String> {
        if !self.has_contract {
            return if self.has_proxy { vec!["deploy".to_owned()] } else { vec![] };
        }
        if !self.had_contract {
            return vec![];
        }
        match method {
            Method::Delegate if self.code == contract::delegation() => vec![],
            Method::Delegate => vec!["delegate".to_owned()],
            Method::Contract => {
                let unallowed = self.allowances.iter().filter(|it| it.1 < ALLOWANCE_MIN);
                unallowed.map(|(token, _)| format!("approve {}", token.to_checksum(None))).collect()
            }
        }
    }

    /// Whether the lane can pay many of a token at once.
    fn can_pay(&self, method: Method, token: Option<Address>) -> bool {
        self.has_contract
            && match (method, token) {
                (Method::Delegate, _) => self.code == contract::delegation(),
                (Method::Contract, None) => self.had_contract,
                (Method::Contract, Some(token)) => {
                    let enough = |it: &(Address, U256)| it.0 == token && it.1 >= ALLOWANCE_MIN;
                    self.had_contract && self.allowances.iter().any(enough)
                }
            }
    }
}

impl Evm {
    /// How many payouts one transaction of a lane carries.
    pub(crate) fn batch_size(&self, lane: &Lane, asset: &AssetId) -> BatchSize {
        let Some(asset) = self.assets.get(asset) else { return BatchSize::ONE };
        let (Ok(lane), Ok(token)) = (address(&lane.address), token_of(asset)) else {
            return BatchSize::ONE;
        };
        if self.settings.batching.is_none() || !self.prepared.can_pay(lane, token) {
            return BatchSize::ONE;
        }
        let min = if token.is_some() { TOKENS_MIN } else { COINS_MIN };
        BatchSize { min, max: self.settings.batch_max.max(1) }
    }

    /// What a lane has to do for itself.
    pub(crate) async fn chore(
        &self,
        lane: &Lane,
        live: &BTreeSet<u64>,
    ) -> Result<Option<Chore>, Unreachable> {
        let account = address(&lane.address).map_err(|what| misconfigured(&what))?;
        let (at, mut facts) = self.facts(account).await?;
        if let Some(sequence) = self.gap(lane, account, live, (at, &facts)).await {
            return Ok(Some(Chore::Fill { sequence }));
        }
        let Some(method) = self.settings.batching else { return Ok(None) };
        if facts.had_contract
            && let Some(doubt) = self.doubt_of_contract().await
        {
            tracing::warn!(lane = %lane.id, doubt, "nobody is paid together with others yet");
            facts.had_contract = false;
        }
        for asset in self.assets.values() {
            let token = token_of(asset).map_err(|what| misconfigured(&what))?;
            self.prepared.set(account, token, facts.can_pay(method, token));
        }
        let is_hopeless = !facts.has_contract && !facts.has_proxy;
        if is_hopeless && !self.prepared.told_that_there_is_no_proxy.swap(true, Ordering::Relaxed) {
            let network = &self.profile.network;
            tracing::warn!(%network, "no batches: the network lacks the proxy that deploys");
        }
        Ok(self.prepared.lacks(account, facts.missing(method)).map(Chore::Prepare))
    }

    /// Why the contract that pays many may not be called yet, or relied on by anything else.
    pub(crate) async fn doubt_of_contract(&self) -> Option<String> {
        let is_borne_out = &self.prepared.contract_is_borne_out;
        if is_borne_out.load(Ordering::Relaxed) {
            return None;
        }
        let doubt = agreeing::doubt_of_contract(&self.pool, &self.parameters.finality).await;
        is_borne_out.fetch_or(doubt.is_none(), Ordering::Relaxed);
        doubt
    }

    /// The number that a lane has skipped.
    pub(crate) async fn skipped(
        &self,
        lane: &Lane,
        live: &BTreeSet<u64>,
    ) -> Result<Option<u64>, Unreachable> {
        let account = address(&lane.address).map_err(|what| misconfigured(&what))?;
        let (at, facts) = self.facts(account).await?;
        Ok(self.gap(lane, account, live, (at, &facts)).await)
    }

    /// The number that a lane has skipped by what an endpoint found, if the quorum counts the same.
    async fn gap(
        &self,
        lane: &Lane,
        account: Address,
        live: &BTreeSet<u64>,
        (at, facts): (usize, &Facts),
    ) -> Option<u64> {
        let sequence = facts.gap(lane.next_sequence, live)?;
        let (count, block) = (facts.count, facts.final_head);
        let doubt = agreeing::doubt_of_count(&self.pool, at, account, count, block).await;
        if let Some(doubt) = &doubt {
            tracing::warn!(lane = %lane.id, sequence, "not filled yet: {}", doubt.detail);
        }
        doubt.is_none().then_some(sequence)
    }

    /// Asks one node that keeps up about an account.
    async fn facts(&self, account: Address) -> Result<(usize, Facts), Unreachable> {
        for at in self.pool.in_order_after_survey().await {
            let Some(member) = self.pool.member(at).await else { continue };
            if self.pool.lags(at) {
                continue;
            }
            if let Some(facts) = self.pool.took(at, self.facts_of(&member.node, account).await) {
                return Ok((at, facts));
            }
        }
        Err(Unreachable)
    }

    async fn facts_of(&self, node: &Node, account: Address) -> Result<Facts, Unreachable> {
        let final_head = node.final_head(&self.parameters.finality).await?;
        let block = node.head().await?;
        let at = quantity(block);
        let count_final = match final_head {
            Some(head) => node.count_at(account, head).await?,
            None => None,
        };
        let mut tokens = vec![];
        if self.settings.batching.is_some() {
            tokens = self.assets.values().filter_map(|it| token_of(it).ok().flatten()).collect();
        }
        let mut calls = vec![
            ("eth_getTransactionCount", json!([account, at])),
            ("eth_getCode", json!([account, at])),
            ("eth_getCode", json!([contract::ADDRESS, at])),
            ("eth_getCode", json!([contract::PROXY, at])),
        ];
        calls.extend(final_head.map(|head| code_at(contract::ADDRESS, head)));
        for token in &tokens {
            let input = transfer::balance_of_input(account).to_vec();
            calls.push(tokens::reading(*token, input, &at));
            let (owner, spender) = (account, contract::ADDRESS);
            let input = Erc20::allowanceCall { owner, spender }.abi_encode();
            calls.push(tokens::reading(*token, input, &at));
        }
        let mut results = node.batch(calls).await?.into_iter();
        let mut next = || {
            let none = || Err(RpcError::Unreachable("a call has no answer".to_owned()));
            results.next().unwrap_or_else(none)
        };
        let told = |error| lost("eth_getCode", &error);
        let count = next().and_then(|it| {
            serde_json::from_value::<U64>(it)
                .map_err(|error| RpcError::Unreachable(error.to_string()))
        });
        let count = count.map_err(|error| lost("eth_getTransactionCount", &error))?.to();
        let code = next().and_then(tokens::bytes).map_err(told)?;
        let has_contract = next().and_then(tokens::bytes).map_err(told)? == *contract::runtime();
        let has_proxy = !next().and_then(tokens::bytes).map_err(told)?.is_empty();
        let had_contract = final_head.and_then(|_| had_code(next(), contract::runtime()));
        let had_contract = had_contract == Some(true);
        let mut allowances = vec![];
        for token in tokens {
            // What is no token here holds nothing, and is left alone.
            let (held, allowed) = (Answer::of(next())?.word(), Answer::of(next())?.word());
            if let (Some(held), Some(allowed)) = (held, allowed)
                && !held.is_zero()
            {
                allowances.push((token, allowed));
            }
        }
        let final_head = final_head.unwrap_or(0);
        Ok(Facts {
            count,
            final_head,
            count_final,
            code,
            has_contract,
            had_contract,
            has_proxy,
            allowances,
        })
    }
}

/// Asks for the code at an address as of a block.
pub(crate) fn code_at(account: Address, block: u64) -> (&'static str, Value) {
    ("eth_getCode", json!([account, quantity(block)]))
}

/// Whether code was at an address as of an earlier block; `None` if the node does not tell.
pub(crate) fn had_code(told: Result<Value, RpcError>, code: &Bytes) -> Option<bool> {
    told.and_then(tokens::bytes).ok().map(|found| found == *code)
}

#[cfg(test)]
#[path = "preparing_tests.rs"]
mod tests;
