//! Calls of the node and of the wallet in it, which is loaded when it is not.

use domain::ports::Unreachable;
use net::{Client, Endpoint, JsonRpc, Limits, RpcError, SendError};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Core, shapes::WalletInfo};
pub(super) use crate::chain::{lost, odd};

/// How many calls go into one exchange.
pub(super) const CALLS_MAX: usize = 50;

/// The wallet is not there, or not loaded.
const NO_WALLET: i64 = -18;

/// The wallet is loaded already.
const LOADED: i64 = -35;

/// No such address, transaction or block, or none in the mempool.
pub(super) const UNKNOWN: i64 = -5;

/// There is no such method.
pub(super) const NO_METHOD: i64 = -32_601;

/// How long the patient links wait: for the node's look at all coins there are, for a stretch of
/// blocks to be read again, and for a wallet to be loaded that has to catch up. In milliseconds.
const PATIENCE_MS: u64 = 900_000;

/// How long an answer of the wallet may be, in bytes: each of its coins takes some 500 in its list, and
/// anybody can give it as many as he pays for.
const WALLET_BYTES_MAX: usize = 128 << 20;

/// The ways to a node and to one wallet in it.
pub struct Links {
    /// The node itself.
    pub node: JsonRpc,
    /// The wallet.
    pub wallet: JsonRpc,
    /// The node, for what takes minutes.
    pub patient_node: JsonRpc,
    /// The wallet, for what takes minutes.
    pub patient_wallet: JsonRpc,
}

impl Links {
    /// A node at `url` with a wallet of this name, which may have letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// If the URL or the name cannot be used.
    pub fn at(
        client: &Client,
        url: &str,
        headers: &[(String, String)],
        name: &str,
    ) -> Result<Self, SendError> {
        let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(SendError::Refused("the wallet's name cannot be used".to_owned()));
        }
        if url.contains(['?', '#']) {
            return Err(SendError::Refused("the node's URL has more than a path".to_owned()));
        }
        let wallet = format!("{}/wallet/{name}", url.trim_end_matches('/'));
        let link = |url: &str, limits: Limits| -> Result<JsonRpc, SendError> {
            let endpoint = Endpoint::new(client.clone(), url, headers, limits)?;
            Ok(JsonRpc::new(std::sync::Arc::new(endpoint)))
        };
        let patient = Limits { timeout_ms: PATIENCE_MS, ..Endpoint::LIMITS };
        let of_wallet = Limits { body_bytes_max: WALLET_BYTES_MAX, ..Endpoint::LIMITS };
        Ok(Self {
            node: link(url, Endpoint::LIMITS)?,
            wallet: link(&wallet, of_wallet)?,
            patient_node: link(url, patient)?,
            patient_wallet: link(&wallet, patient)?,
        })
    }

    /// Asks the node.
    pub(super) async fn node<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, Unreachable> {
        self.node.call(method, params).await.map_err(|error| lost(method, &error))
    }
}

impl Core {
    /// Opens the wallet, and tells whether it keeps scripts and not descriptors. It is made if that
    /// is wanted and there is none.
    pub(super) async fn open(&self, may_make: bool) -> Result<bool, Unreachable> {
        if let Some(is_legacy) = self.memory().is_legacy {
            return Ok(is_legacy);
        }
        let method = "getwalletinfo";
        let mut told = self.links.wallet.call::<WalletInfo>(method, json!([])).await;
        if refusal(&told) == Some(NO_WALLET) {
            self.load(may_make).await?;
            told = self.links.wallet.call(method, json!([])).await;
        }
        let info = told.map_err(|error| lost(method, &error))?;
        if info.may_hold_keys {
            let wallet = &self.name;
            tracing::error!(wallet, "the node's wallet of this name may hold keys: name another");
            return Err(Unreachable);
        }
        let is_legacy = info.descriptors == Some(false);
        self.memory().is_legacy = Some(is_legacy);
        Ok(is_legacy)
    }

    async fn load(&self, may_make: bool) -> Result<(), Unreachable> {
        let (method, wallet) = ("loadwallet", &self.name);
        let params = json!({"filename": wallet, "load_on_startup": true});
        let told = self.links.patient_node.call::<Value>(method, params).await;
        match refusal(&told) {
            Some(LOADED) => return Ok(()),
            Some(NO_WALLET) if may_make => {}
            Some(_) | None => {
                let loaded = told.map_err(|error| lost(method, &error))?;
                tracing::info!(wallet, %loaded, "the node's wallet is loaded again");
                return Ok(());
            }
        }
        let method = "createwallet";
        let params = json!({
            "wallet_name": wallet,
            "disable_private_keys": true,
            "blank": true,
            "load_on_startup": true,
        });
        let told = self.links.patient_node.call::<Value>(method, params).await;
        let made = told.map_err(|error| lost(method, &error))?;
        tracing::info!(wallet, %made, "the node has a wallet for the gateway now");
        Ok(())
    }

    /// Makes several calls once the wallet has heard of all that the node's mempool took and dropped
    /// before: what is handed over is known to the mempool at once, and to the wallet a little later,
    /// and what the two tell together is of no moment then. A node that does not offer to wait is
    /// taken as it is.
    pub(super) async fn ask_settled(
        &self,
        calls: &[(&'static str, Value)],
    ) -> Result<Vec<Result<Value, RpcError>>, Unreachable> {
        let wait = ("syncwithvalidationinterfacequeue", json!([]));
        let told = self.ask(&[&[wait], calls].concat()).await?;
        Ok(told.into_iter().skip(1).collect())
    }

    /// Makes several calls of the wallet or of the node, in their order; each answers or refuses
    /// for itself. The wallet is loaded if it is not.
    pub(super) async fn ask(
        &self,
        calls: &[(&'static str, Value)],
    ) -> Result<Vec<Result<Value, RpcError>>, Unreachable> {
        let results = self.ask_once(calls).await?;
        if !results.iter().any(|it| refusal(it) == Some(NO_WALLET)) {
            return Ok(results);
        }
        self.memory().is_legacy = None;
        self.open(false).await?;
        self.ask_once(calls).await
    }

    async fn ask_once(
        &self,
        calls: &[(&'static str, Value)],
    ) -> Result<Vec<Result<Value, RpcError>>, Unreachable> {
        let mut results = vec![];
        for some in calls.chunks(CALLS_MAX) {
            let told = self.links.wallet.batch(some.to_vec()).await;
            let first = some.first().map_or("", |(method, _)| method);
            results.extend(told.map_err(|error| lost(first, &error))?);
        }
        Ok(results)
    }
}

/// The node's error code, if it refused.
pub(super) fn refusal<T>(result: &Result<T, RpcError>) -> Option<i64> {
    match result {
        Err(RpcError::Refused { code, message: _, data: _ }) => Some(*code),
        Err(RpcError::Unreachable(_)) | Ok(_) => None,
    }
}

/// The result of a call as a `T`.
pub(super) fn read<T: DeserializeOwned>(
    method: &str,
    result: Option<Result<Value, RpcError>>,
) -> Result<T, Unreachable> {
    let result = result.ok_or_else(|| odd(method))?;
    let value = result.map_err(|error| lost(method, &error))?;
    serde_json::from_value(value).map_err(|error| {
        tracing::warn!(method, %error, "the node's answer has another shape than expected");
        Unreachable
    })
}

/// The same, or nothing where the node knows nothing of what was asked for.
pub(super) fn read_known<T: DeserializeOwned>(
    method: &str,
    result: Option<Result<Value, RpcError>>,
) -> Result<Option<T>, Unreachable> {
    match &result {
        Some(it) if refusal(it) == Some(UNKNOWN) => Ok(None),
        Some(_) | None => read(method, result).map(Some),
    }
}
