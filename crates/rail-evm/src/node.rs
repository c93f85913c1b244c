//! What is asked of a node, and the shapes of its answers.
//!
//! Methods and shapes: <https://ethereum.github.io/execution-apis/>.

use std::sync::atomic::{AtomicBool, Ordering};

use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use domain::{ids::NetworkId, ports::Unreachable};
use net::{JsonRpc, RpcError};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    errand::Errand,
    fees::Market,
    settings::{FeeModel, Finality, Parameters, Settings},
    transfer,
};

/// How many calls go into one exchange: hosted nodes take a hundred or less at a time.
const CALLS_MAX: usize = 50;

/// How many blocks the going rate of tips is taken from.
const FEE_HISTORY_BLOCKS: u64 = 20;

/// The answer to `eth_feeHistory`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeeHistory {
    /// The first block of the answer.
    pub(crate) oldest_block: U64,
    /// The base fee of each block, and of the block after the last.
    pub(crate) base_fee_per_gas: Vec<U128>,
    /// For each block, the tips at the percentiles asked for.
    pub(crate) reward: Option<Vec<Vec<U128>>>,
}

/// A block, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Block {
    /// Its height.
    pub(crate) number: U64,
    /// Its hash.
    pub(crate) hash: B256,
}

/// A block with its transactions in full.
#[derive(Debug, Deserialize)]
struct FullBlock {
    number: U64,
    transactions: Vec<Placed>,
}

/// A transaction of a block, as far as it tells whose number it used up. Networks have kinds of
/// transactions of their own that may lack a sender or a number.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Placed {
    /// Its hash.
    pub(crate) hash: B256,
    /// Who signed it.
    #[serde(default)]
    pub(crate) from: Option<Address>,
    /// Its number.
    #[serde(default)]
    pub(crate) nonce: Option<U64>,
}

/// What became of a transaction in a block.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    /// The transaction.
    pub(crate) transaction_hash: B256,
    /// The block's hash.
    pub(crate) block_hash: B256,
    /// The block's height.
    pub(crate) block_number: U64,
    /// One, or zero if everything but the fee was undone.
    pub(crate) status: U64,
    /// How much gas it took.
    pub(crate) gas_used: U64,
    /// What a unit of gas cost, in wei.
    pub(crate) effective_gas_price: U128,
    /// What networks of the OP stack charge on top, in wei.
    #[serde(default)]
    pub(crate) l1_fee: Option<U128>,
    /// What the operator of such a network charges for gas, as [`crate::l1_fee::charged`] reckons.
    #[serde(default)]
    pub(crate) operator_fee_scalar: Option<U128>,
    /// What the operator of such a network charges for each transaction, in wei.
    #[serde(default)]
    pub(crate) operator_fee_constant: Option<U128>,
    /// How much gas a byte counts for in such a network's blocks, since Jovian.
    #[serde(default)]
    pub(crate) da_footprint_gas_scalar: Option<U64>,
    /// What contracts announced.
    pub(crate) logs: Vec<Log>,
}

/// An announcement of a contract.
#[derive(Clone, Debug, Deserialize)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// The event and its indexed fields.
    pub topics: Vec<B256>,
    /// The other fields.
    pub data: Bytes,
}

/// A lane as of one block, and what its node thinks of an errand of it.
#[derive(Debug)]
pub(crate) struct Wallet {
    /// How much of the network's coin it holds, in wei.
    pub(crate) native: U256,
    /// How much of the errand's token it holds.
    pub(crate) token: U256,
    /// How many transactions it has made.
    pub(crate) count: u64,
    /// How many of them are final; `None` if nothing is, or if the node cannot tell.
    pub(crate) count_final: Option<u64>,
    /// How much gas the errand takes, or why it fails.
    pub(crate) gas: Result<u64, RpcError>,
    /// How much gas a block may take, if the errand is to pay many and the node tells.
    pub(crate) block_gas: Option<u64>,
}

/// One attempt in the eyes of a node.
#[derive(Debug)]
pub(crate) struct Sighting {
    /// Its receipt, if it is in a block.
    pub(crate) receipt: Option<Receipt>,
    /// Whether the node knows the transaction at all.
    pub(crate) known: bool,
}

/// A node of one network.
pub(crate) struct Node {
    network: NetworkId,
    rpc: JsonRpc,
    told_that_nothing_is_final: AtomicBool,
}

impl Node {
    pub(crate) fn new(network: NetworkId, rpc: JsonRpc) -> Self {
        Self { network, rpc, told_that_nothing_is_final: AtomicBool::new(false) }
    }

    /// What the node's transactions are bound to.
    pub(crate) async fn chain_id(&self) -> Result<u64, RpcError> {
        let id: U64 = self.rpc.call("eth_chainId", json!([])).await?;
        Ok(id.to())
    }

    /// The height of the latest block.
    pub(crate) async fn head(&self) -> Result<u64, Unreachable> {
        let latest: U64 = self.call("eth_blockNumber", json!([])).await?;
        Ok(latest.to())
    }

    /// What gas costs at the latest block.
    pub(crate) async fn market(
        &self,
        parameters: &Parameters,
        settings: &Settings,
    ) -> Result<Market, Unreachable> {
        let floor = parameters.priority_fee_floor_wei;
        match parameters.fee_model {
            FeeModel::Eip1559 => {
                let method = "eth_feeHistory";
                let params =
                    json!([quantity(FEE_HISTORY_BLOCKS), "latest", [settings.priority_percentile]]);
                let history: FeeHistory = self.call(method, params).await?;
                Market::of(&history, floor).ok_or_else(|| odd(method))
            }
            FeeModel::Legacy => {
                let calls = vec![("eth_blockNumber", json!([])), ("eth_gasPrice", json!([]))];
                let mut results = self.batch(calls).await?.into_iter();
                let mut next = || results.next().unwrap_or_else(|| Err(no_answer()));
                let block: U64 = read("eth_blockNumber", next())?;
                let price: U128 = read("eth_gasPrice", next())?;
                Ok(Market::of_gas_price(block.to(), price.to(), floor))
            }
        }
    }

    /// Calls contracts with data, all as of one block; each answers or refuses for itself.
    pub(crate) async fn contract_calls<const N: usize>(
        &self,
        calls: &[(Address, Bytes); N],
        block: u64,
    ) -> Result<[Result<Bytes, RpcError>; N], Unreachable> {
        let at = quantity(block);
        let call =
            |(to, data): &(Address, Bytes)| ("eth_call", json!([{"to": to, "data": data}, at]));
        let results = self.batch(calls.iter().map(call).collect()).await?;
        let mut results = results.into_iter();
        Ok(std::array::from_fn(|_| {
            results.next().unwrap_or_else(|| Err(no_answer())).and_then(decode)
        }))
    }

    /// The lane and the outcome of an errand of it, both as of one block, so that a failure is
    /// never one of a balance that changed in between; and the lane's count at the final head.
    pub(crate) async fn wallet(
        &self,
        lane: Address,
        errand: &Errand,
        block: u64,
        final_head: Option<u64>,
    ) -> Result<Wallet, Unreachable> {
        let at = quantity(block);
        let call = json!({
            "from": lane,
            "to": errand.target(lane),
            "value": errand.value(),
            "data": errand.input(),
        });
        let mut calls = vec![
            ("eth_getBalance", json!([lane, at])),
            ("eth_getTransactionCount", json!([lane, at])),
            ("eth_estimateGas", json!([call, at])),
        ];
        calls.extend(errand.token().map(|token| balance_of(token, lane, &at)));
        calls.extend(final_head.map(|at| ("eth_getTransactionCount", json!([lane, quantity(at)]))));
        let is_of_many = matches!(errand, Errand::PayMany(_));
        calls.extend(is_of_many.then(|| ("eth_getBlockByNumber", json!([at, false]))));
        let mut results = self.batch(calls).await?.into_iter();
        let mut next = || results.next().unwrap_or_else(|| Err(no_answer()));
        let native = read("eth_getBalance", next())?;
        let count: U64 = read("eth_getTransactionCount", next())?;
        let gas = next().and_then(decode::<U64>);
        let token = match errand.token() {
            Some(_) => uint_of(&read("eth_call", next())?),
            None => U256::ZERO,
        };
        let count_final = match final_head {
            Some(_) => count_or_unknown(next().and_then(decode))?,
            None => None,
        };
        let block_gas = if is_of_many { gas_limit_of(next()) } else { None };
        let gas = gas.map(|gas| gas.to());
        Ok(Wallet { native, token, count: count.to(), count_final, gas, block_gas })
    }

    /// Hands over a signed transaction; the node tells its hash.
    pub(crate) async fn send(&self, raw: &[u8]) -> Result<B256, RpcError> {
        let raw = alloy_primitives::hex::encode_prefixed(raw);
        self.rpc.call("eth_sendRawTransaction", json!([raw])).await
    }

    /// The height up to which blocks are final; `None` if none is, which the log is told once.
    pub(crate) async fn final_head(&self, finality: &Finality) -> Result<Option<u64>, Unreachable> {
        let head = match finality {
            Finality::Tag(tag) => {
                let params = json!([tag, false]);
                let block: Option<Block> = self.call("eth_getBlockByNumber", params).await?;
                block.map(|block| block.number.to())
            }
            Finality::Depth(depth) => self.head().await?.saturating_add(1).checked_sub(*depth),
        };
        if head.is_none() && !self.told_that_nothing_is_final.swap(true, Ordering::Relaxed) {
            let network = &self.network;
            tracing::warn!(%network, ?finality, "no block is final: no payout ends until one is");
        }
        Ok(head)
    }

    /// What the node knows about transactions, and in the same exchange how many transactions
    /// `lane` had made as of block `at`.
    ///
    /// The count is `None` if the node cannot tell; many do not keep the state of old blocks.
    pub(crate) async fn sightings(
        &self,
        lane: Address,
        at: Option<u64>,
        hashes: &[B256],
    ) -> Result<(Vec<Sighting>, Option<u64>), Unreachable> {
        let mut calls = Vec::new();
        for hash in hashes {
            calls.push(("eth_getTransactionReceipt", json!([hash])));
            calls.push(("eth_getTransactionByHash", json!([hash])));
        }
        calls.extend(at.map(|at| ("eth_getTransactionCount", json!([lane, quantity(at)]))));
        let mut results = self.batch(calls).await?.into_iter();
        let mut next = || results.next().unwrap_or_else(|| Err(no_answer()));
        let mut sightings = Vec::new();
        for hash in hashes {
            let receipt: Option<Receipt> = read("eth_getTransactionReceipt", next())?;
            let known: Value = read("eth_getTransactionByHash", next())?;
            if receipt.as_ref().is_some_and(|it| it.transaction_hash != *hash) {
                return Err(odd("eth_getTransactionReceipt"));
            }
            sightings.push(Sighting { receipt, known: !known.is_null() });
        }
        let count = if at.is_some() { count_or_unknown(next().and_then(decode))? } else { None };
        Ok((sightings, count))
    }

    /// How many transactions `lane` had made as of a block; `None` if the node cannot tell.
    pub(crate) async fn count_at(
        &self,
        lane: Address,
        block: u64,
    ) -> Result<Option<u64>, Unreachable> {
        let params = json!([lane, quantity(block)]);
        count_or_unknown(self.rpc.call("eth_getTransactionCount", params).await)
    }

    /// Blocks of the chain that the node follows, by height.
    pub(crate) async fn blocks(&self, heights: &[u64]) -> Result<Vec<Option<Block>>, Unreachable> {
        let method = "eth_getBlockByNumber";
        let call = |height: &u64| (method, json!([quantity(*height), false]));
        let results = self.batch(heights.iter().map(call).collect()).await?;
        let blocks: Vec<Option<Block>> =
            results.into_iter().map(|result| read(method, result)).collect::<Result<_, _>>()?;
        let fits = |(block, height): (&Option<Block>, &u64)| {
            block.as_ref().is_none_or(|block| block.number.to::<u64>() == *height)
        };
        let all_fit = blocks.len() == heights.len() && blocks.iter().zip(heights).all(fits);
        if all_fit { Ok(blocks) } else { Err(odd(method)) }
    }

    /// The transactions of the block at `height`; `None` if the node does not have it.
    pub(crate) async fn transactions(
        &self,
        height: u64,
    ) -> Result<Option<Vec<Placed>>, Unreachable> {
        let method = "eth_getBlockByNumber";
        let block: Option<FullBlock> = self.call(method, json!([quantity(height), true])).await?;
        match block {
            Some(block) if block.number.to::<u64>() != height => Err(odd(method)),
            block => Ok(block.map(|block| block.transactions)),
        }
    }

    /// What `lane` holds of each token (`None` stands for the network's coin) as of a block. What
    /// is no token there holds nothing.
    pub(crate) async fn holdings(
        &self,
        lane: Address,
        tokens: &[Option<Address>],
        block: u64,
    ) -> Result<Vec<U256>, Unreachable> {
        let at = quantity(block);
        let call = |token: &Option<Address>| match token {
            Some(token) => balance_of(*token, lane, &at),
            None => ("eth_getBalance", json!([lane, at])),
        };
        let results = self.batch(tokens.iter().map(call).collect()).await?;
        let amount = |(token, result): (&Option<Address>, Result<Value, RpcError>)| match token {
            None => {
                if let Err(RpcError::Refused { message, .. }) = &result {
                    tracing::error!(
                        block, %message,
                        "the node does not tell what the lane held at its final block; lanes sign \
                         nothing without it: a node that keeps the state of that block is needed"
                    );
                }
                read("eth_getBalance", result)
            }
            Some(token) => match result {
                Err(RpcError::Refused { code, message, data })
                    if crate::revert::reason(code, &message, data.as_ref()).is_some() =>
                {
                    tracing::warn!(%token, %message, "the contract does not tell a balance");
                    Ok(U256::ZERO)
                }
                other => Ok(uint_of(&read("eth_call", other)?)),
            },
        };
        tokens.iter().zip(results).map(amount).collect()
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, Unreachable> {
        self.rpc.call(method, params).await.map_err(|error| lost(method, &error))
    }

    /// Makes several calls in as few exchanges as nodes allow; the results come in their order.
    pub(crate) async fn batch(
        &self,
        calls: Vec<(&str, Value)>,
    ) -> Result<Vec<Result<Value, RpcError>>, Unreachable> {
        let mut calls = calls.into_iter().peekable();
        let mut results = vec![];
        while let Some((first, _)) = calls.peek() {
            let first = (*first).to_owned();
            let some: Vec<(&str, Value)> = calls.by_ref().take(CALLS_MAX).collect();
            let told = self.rpc.batch(some).await.map_err(|error| lost(&first, &error))?;
            results.extend(told);
        }
        Ok(results)
    }
}

/// A number as nodes want it.
pub(crate) fn quantity(number: u64) -> String {
    format!("{number:#x}")
}

fn balance_of(token: Address, holder: Address, at: &str) -> (&'static str, Value) {
    let call = json!({"to": token, "data": transfer::balance_of_input(holder)});
    ("eth_call", json!([call, at]))
}

/// The number that a call returned; nothing at all (there is no such contract) is zero.
fn uint_of(output: &Bytes) -> U256 {
    output.first_chunk::<32>().map_or(U256::ZERO, |word| U256::from_be_bytes(*word))
}

/// How much gas a block may take, if the node tells.
fn gas_limit_of(block: Result<Value, RpcError>) -> Option<u64> {
    let gas: U64 = serde_json::from_value(block.ok()?.get("gasLimit")?.clone()).ok()?;
    Some(gas.to())
}

fn count_or_unknown(result: Result<U64, RpcError>) -> Result<Option<u64>, Unreachable> {
    match result {
        Ok(count) => Ok(Some(count.to())),
        Err(RpcError::Refused { code: _, message, data: _ }) => {
            tracing::debug!(%message, "the node cannot tell an account's count at an old block");
            Ok(None)
        }
        Err(error @ RpcError::Unreachable(_)) => Err(lost("eth_getTransactionCount", &error)),
    }
}

fn read<T: DeserializeOwned>(
    method: &str,
    result: Result<Value, RpcError>,
) -> Result<T, Unreachable> {
    result.and_then(decode).map_err(|error| lost(method, &error))
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<T, RpcError> {
    serde_json::from_value(value).map_err(|error| RpcError::Unreachable(error.to_string()))
}

fn no_answer() -> RpcError {
    RpcError::Unreachable("a call of the batch has no answer".to_owned())
}

/// Tells the log why there is no answer.
pub(crate) fn lost(method: &str, error: &RpcError) -> Unreachable {
    tracing::warn!(method, %error, "no answer from the node");
    Unreachable
}

fn odd(method: &str) -> Unreachable {
    tracing::warn!(method, "the node's answer makes no sense");
    Unreachable
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
