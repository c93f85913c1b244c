//! Energy of the market `TronSave`, paid for from an account with it
//! (<https://docs.tronsave.io/developers/api-reference/buy-resources/api-key>). Prices are in sun.

use domain::{BoxFuture, ids::TxId, ports::Unreachable};
use net::{Rest, RpcError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Market, Offer, Order, Taken};

/// For how long energy is rented, in seconds: the shortest that is customary.
const DURATION_SEC: u32 = 900;
/// The least that is rented out.
const ENERGY_MIN: u64 = 32_000;
/// Orders that are equal to one that is not filled are not taken, so each is a little larger than what
/// it is for: by less than this.
const ENERGY_MORE: u64 = 97;

/// The market, over a way to it that sends the account's key along as the header `apikey`.
pub struct TronSave {
    rest: Rest,
}

#[derive(Debug, Deserialize)]
struct Answer<T> {
    #[serde(default)]
    error: bool,
    #[serde(default)]
    message: String,
    data: Option<T>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Estimate {
    unit_price: u64,
    #[serde(rename = "estimateTrx")]
    all: u64,
    #[serde(rename = "availableResource")]
    available: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bought {
    order_id: String,
}

impl TronSave {
    /// The market behind `rest`.
    pub fn new(rest: Rest) -> Self {
        Self { rest }
    }

    async fn estimate(&self, receiver: &str, energy: u64) -> Result<Option<Offer>, Unreachable> {
        let energy = energy.max(ENERGY_MIN).saturating_add(ENERGY_MORE);
        let body = json!({
            "resourceType": "ENERGY",
            "receiver": receiver,
            "resourceAmount": energy,
            "durationSec": DURATION_SEC,
            "unitPrice": "MEDIUM",
            "options": {"allowPartialFill": true},
        });
        let path = "/v2/estimate-buy-resource";
        let Some(found) = self.ask::<Estimate>(path, body).await? else { return Ok(None) };
        let Estimate { unit_price: unit_sun, all: sun, available } = found;
        let is_whole = available >= energy && unit_sun > 0 && sun > 0;
        Ok(is_whole.then_some(Offer { sun, unit_sun }))
    }

    async fn buy(&self, order: &Order<'_>) -> Result<Taken, Unreachable> {
        let Order { txid, receiver, energy, unit_sun_max } = *order;
        let energy = energy.max(ENERGY_MIN).saturating_add(more(txid));
        // The market knows no names of orders. What is the same and not filled yet is not bought
        // twice, and what cannot be filled at once is not bought. It takes prices below the accepted
        // one only.
        let body = json!({
            "resourceType": "ENERGY",
            "receiver": receiver,
            "resourceAmount": energy,
            "durationSec": DURATION_SEC,
            "unitPrice": unit_sun_max,
            "options": {
                "allowPartialFill": true,
                "onlyCreateWhenFulfilled": true,
                "preventDuplicateIncompleteOrders": true,
                "maxPriceAccepted": unit_sun_max.saturating_add(1),
            },
        });
        let Some(bought) = self.ask::<Bought>("/v2/buy-resource", body).await? else {
            return Ok(Taken::No);
        };
        tracing::info!(%txid, order = bought.order_id, "TronSave took an order");
        Ok(Taken::Yes)
    }

    /// Asks; nothing if the market refuses.
    async fn ask<T>(&self, path: &str, body: Value) -> Result<Option<T>, Unreachable>
    where
        T: serde::de::DeserializeOwned,
    {
        match self.rest.post::<Answer<T>>(path, body).await {
            Ok(Answer { error: false, data: Some(data), .. }) => Ok(Some(data)),
            Ok(Answer { message, .. }) | Err(RpcError::Refused { message, .. }) => {
                tracing::warn!(path, message, "TronSave refuses");
                Ok(None)
            }
            Err(error @ RpcError::Unreachable(_)) => {
                tracing::warn!(path, %error, "no answer from TronSave");
                Err(Unreachable)
            }
        }
    }
}

/// By how much an order is larger than what it is for, so that it differs from others.
fn more(txid: &TxId) -> u64 {
    txid.as_str().bytes().fold(0, |sum, it| (sum * 31 + u64::from(it)) % ENERGY_MORE)
}

impl Market for TronSave {
    fn offer<'a>(
        &'a self,
        receiver: &'a str,
        energy: u64,
    ) -> BoxFuture<'a, Result<Option<Offer>, Unreachable>> {
        Box::pin(self.estimate(receiver, energy))
    }

    fn rent<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Taken, Unreachable>> {
        Box::pin(async move { self.buy(&order).await })
    }
}
