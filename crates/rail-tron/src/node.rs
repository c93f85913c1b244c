//! A full node, by its HTTP API (<https://developers.tron.network/reference/background>).
//!
//! What stands below `/wallet` is as of the newest block, which may be undone; what stands below
//! `/walletsolidity` as of the newest one that may not. Fields that are zero or empty are left out of
//! answers, and what is unknown is an empty object.

mod shapes;

use domain::ports::{Handover, Unreachable};
use net::{Rest, RpcError};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::shapes::{Broadcast, Called, Holder, Info, Parameter, Parameters, Printed, Stock};
use crate::{
    abi,
    address::{Address, spelled},
    plan::{Prices, Resources},
    receipt::Receipt,
    tx::RefBlock,
};

/// Where is told what is not undone any more.
const SOLID: &str = "/walletsolidity/";

/// As of when a question is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    /// The newest block.
    Newest,
    /// The newest block that is not undone any more.
    Solid,
}

impl As {
    fn path(self, method: &str) -> String {
        match self {
            Self::Newest => format!("/wallet/{method}"),
            Self::Solid => format!("{SOLID}{method}"),
        }
    }
}

/// A block without its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// How many came before it.
    pub(crate) number: u64,
    /// Its identifier, which begins with its number.
    pub(crate) id: [u8; 32],
    /// The identifier of the one before it.
    pub(crate) parent: [u8; 32],
    /// When it was made, in milliseconds.
    pub(crate) time_ms: i64,
}

impl Block {
    /// It as transactions name it.
    pub(crate) fn as_reference(&self) -> RefBlock {
        let [_, _, _, _, _, _, height0, height1, hash @ ..] = self.id;
        let mut eight = [0; 8];
        eight.copy_from_slice(&hash[..8]);
        RefBlock { height: [height0, height1], hash: eight }
    }
}

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// What it has of the network's coin, in sun.
    pub(crate) balance_sun: u64,
    /// Whether it is a contract's.
    pub(crate) is_contract: bool,
}

/// What a simulated call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// It went through.
    Done {
        /// What it answered.
        output: Vec<u8>,
        /// How much energy it took.
        energy: u64,
    },
    /// It was undone; why, as far as it says so.
    Undone(String),
    /// The node could not tell; why.
    Failed(String),
}

/// The ways to a node: java-tron tells what is not undone any more at another port.
pub(crate) struct Node {
    rest: Rest,
    solid: Rest,
}

impl Node {
    pub(crate) fn new(rest: Rest, solid: Rest) -> Self {
        Self { rest, solid }
    }

    /// The identifiers of the first block, by which networks are told apart: as it tells what is
    /// newest, and as it tells what is solid, which may be another node by mistake.
    pub(crate) async fn genesis(&self) -> Result<[[u8; 32]; 2], Unreachable> {
        let first = async |now| {
            let block = self.block(now, json!({"id_or_num": "0", "detail": false})).await?;
            block.map(|it| it.block.id).ok_or_else(|| odd("getblock"))
        };
        Ok([first(As::Newest).await?, first(As::Solid).await?])
    }

    /// The newest block.
    pub(crate) async fn head(&self, now: As) -> Result<Block, Unreachable> {
        let block = self.block(now, json!({"detail": false})).await?;
        block.map(|it| it.block).ok_or_else(|| odd("getblock"))
    }

    /// A block that is not undone any more, and the transactions in it.
    pub(crate) async fn solid_block(
        &self,
        number: u64,
    ) -> Result<Option<(Block, Vec<[u8; 32]>)>, Unreachable> {
        let query = json!({"id_or_num": number.to_string(), "detail": true});
        let Some(it) = self.block(As::Solid, query).await? else { return Ok(None) };
        // One whose transactions were left out on the way says nothing about them.
        if it.block.number != number || (it.is_full && it.transactions.is_empty()) {
            return Err(odd("getblock"));
        }
        Ok(Some((it.block, it.transactions)))
    }

    /// The head of a block that is not undone any more.
    pub(crate) async fn solid_header(&self, number: u64) -> Result<Option<Block>, Unreachable> {
        let query = json!({"id_or_num": number.to_string(), "detail": false});
        let block = self.block(As::Solid, query).await?.map(|it| it.block);
        if block.as_ref().is_some_and(|it| it.number != number) {
            return Err(odd("getblock"));
        }
        Ok(block)
    }

    async fn block(&self, now: As, query: Value) -> Result<Option<shapes::Read>, Unreachable> {
        let method = "getblock";
        let printed: Printed = self.ask(&now.path(method), query).await?;
        printed.read().map_err(|()| odd(method))
    }

    /// What a transaction did, if it is in a block.
    pub(crate) async fn receipt(
        &self,
        now: As,
        txid: &str,
    ) -> Result<Option<Receipt>, Unreachable> {
        let method = "gettransactioninfobyid";
        let info: Info = self.ask(&now.path(method), json!({"value": txid})).await?;
        match info.id.as_deref() {
            None => Ok(None),
            Some(id) if id == txid => info.read().map(Some).ok_or_else(|| odd(method)),
            Some(_) => Err(odd(method)),
        }
    }

    /// Whether a transaction waits to be put into a block. A node that does not tell says no.
    pub(crate) async fn is_waiting(&self, txid: &str) -> Result<bool, Unreachable> {
        let path = "/wallet/gettransactionfrompending";
        let told = self.rest.post::<Value>(path, json!({"value": txid})).await;
        match told {
            Ok(told) => Ok(told.get("txID").and_then(Value::as_str) == Some(txid)),
            Err(RpcError::Refused { .. }) => Ok(false),
            Err(error @ RpcError::Unreachable(_)) => Err(lost(path, &error)),
        }
    }

    /// An account, if there is one: it begins with the first coins that it gets.
    pub(crate) async fn account(
        &self,
        now: As,
        address: &Address,
    ) -> Result<Option<Account>, Unreachable> {
        let method = "getaccount";
        let query = json!({"address": spelled(address), "visible": true});
        let holder: Holder = self.ask(&now.path(method), query).await?;
        if holder.address.is_none() {
            return Ok(None);
        }
        let balance_sun = u64::try_from(holder.balance).map_err(|_| odd(method))?;
        let is_contract = holder.kind.as_deref() == Some("Contract");
        Ok(Some(Account { balance_sun, is_contract }))
    }

    /// What an account has of bandwidth and energy.
    pub(crate) async fn resources(&self, address: &Address) -> Result<Resources, Unreachable> {
        let query = json!({"address": spelled(address), "visible": true});
        let stock: Stock = self.ask("/wallet/getaccountresource", query).await?;
        Ok(stock.read())
    }

    /// What the network asks for.
    pub(crate) async fn prices(&self) -> Result<Prices, Unreachable> {
        let method = "getchainparameters";
        let told: Parameters = self.ask(&As::Newest.path(method), json!({})).await?;
        let find = |key: &str| -> Result<u64, Unreachable> {
            let found = told.all.iter().find(|it: &&Parameter| it.key == key);
            u64::try_from(found.map_or(0, |it| it.value)).map_err(|_| odd(method))
        };
        let prices = Prices {
            energy_sun: find("getEnergyFee")?,
            byte_sun: find("getTransactionFee")?,
            create_account_sun: find("getCreateAccountFee")?,
            new_account_sun: find("getCreateNewAccountFeeInSystemContract")?,
            memo_sun: find("getMemoFee")?,
            fee_limit_max_sun: find("getMaxFeeLimit")?,
        };
        // Nothing is free of charge: zero is what a node says that does not know.
        if prices.energy_sun == 0 || prices.byte_sun == 0 || prices.fee_limit_max_sun == 0 {
            return Err(odd(method));
        }
        Ok(prices)
    }

    /// What a call of a contract would do.
    pub(crate) async fn call(
        &self,
        now: As,
        owner: &Address,
        contract: &Address,
        data: &[u8],
    ) -> Result<Call, Unreachable> {
        let method = "triggerconstantcontract";
        let query = json!({
            "owner_address": spelled(owner),
            "contract_address": spelled(contract),
            "data": hex::encode(data),
            "visible": true,
        });
        let called: Called = self.ask(&now.path(method), query).await?;
        called.read().ok_or_else(|| odd(method))
    }

    /// What somebody has of a token: nothing, if it does not tell, or is not there. One such token
    /// must not keep a wallet's others from being looked at.
    pub(crate) async fn token_balance(
        &self,
        now: As,
        token: &Address,
        holder: &Address,
    ) -> Result<domain::money::Amount, Unreachable> {
        let method = "balanceOf";
        match self.call(now, holder, token, &abi::balance_of(holder)).await? {
            Call::Done { output, .. } => abi::amount(&output).ok_or_else(|| odd(method)),
            Call::Undone(why) | Call::Failed(why) => {
                tracing::warn!(token = spelled(token), why, "the token does not tell balances");
                Ok(domain::money::Amount::ZERO)
            }
        }
    }

    /// Hands over a transaction. One that the node has, in a block or not, is accepted.
    pub(crate) async fn send(&self, raw: &[u8], txid: &str) -> Result<Handover, Unreachable> {
        let path = "/wallet/broadcasthex";
        let told: Broadcast = self.ask(path, json!({"transaction": hex::encode(raw)})).await?;
        if told.txid.as_deref().is_some_and(|it| it != txid) {
            return Err(odd(path));
        }
        told.read().ok_or_else(|| odd(path))
    }

    /// Asks, and takes a node's word that it failed for no answer.
    async fn ask<T: DeserializeOwned>(&self, path: &str, query: Value) -> Result<T, Unreachable> {
        let way = if path.starts_with(SOLID) { &self.solid } else { &self.rest };
        let told = way.post::<Value>(path, query).await;
        let told = told.map_err(|error| lost(path, &error))?;
        if let Some(error) = told.get("Error").and_then(Value::as_str) {
            tracing::warn!(path, error, "the node could not answer");
            return Err(Unreachable);
        }
        serde_json::from_value(told).map_err(|error| {
            tracing::warn!(path, %error, "the node's answer has another shape than expected");
            Unreachable
        })
    }
}

/// Tells the log why there is no answer.
fn lost(question: &str, error: &RpcError) -> Unreachable {
    tracing::warn!(question, %error, "no answer from the node");
    Unreachable
}

/// Tells the log that an answer is none.
fn odd(question: &str) -> Unreachable {
    tracing::warn!(question, "the node's answer makes no sense");
    Unreachable
}
