//! The gateway as its merchant sees it, through the API of Cryptomus: the shape is public, and its
//! `order_id` makes asking twice harmless.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::{
    http::{self, Message},
    native,
    workload::{Asset, Wanted},
};

/// What a merchant needs to ask.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    /// Where the gateway listens.
    pub(crate) gateway: SocketAddr,
    /// Where webhooks go.
    pub(crate) receiver: SocketAddr,
    /// The merchant's number.
    pub(crate) merchant: String,
    /// The key that signs requests for payouts.
    pub(crate) key: String,
    /// The token of the gateway's own API.
    pub(crate) token: String,
    /// The network's coin.
    pub(crate) coin: Asset,
}

/// What came of a request.
pub(crate) enum Answer {
    /// There was no answer, or one that says to ask again.
    Lost,
    /// The gateway will not do it, and says why.
    Refused(String),
    /// The gateway's identifier of the payout.
    Accepted(String),
}

impl Api {
    /// Asks for a payout; in the gateway's own API for one that somebody must approve, or of a token
    /// that other APIs do not know.
    pub(crate) fn create(&self, wanted: &Wanted) -> Answer {
        let Some(ticker) = wanted.asset.ticker.filter(|_| wanted.approval.is_none()) else {
            return native::create(self, wanted);
        };
        let body = json!({
            "amount": wanted.amount(),
            "currency": ticker,
            "network": ticker,
            "order_id": wanted.reference,
            "address": wanted.address,
            "is_subtract": true,
            "url_callback": format!("http://{}/webhooks", self.receiver),
        });
        let Ok(answer) = self.post("/v1/payout", &body) else { return Answer::Lost };
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let result: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match (answer.status(), result["result"]["uuid"].as_str()) {
            (Some(200), Some(id)) => Answer::Accepted(id.into()),
            (Some(429 | 500..), _) => Answer::Lost,
            (status, _) => Answer::Refused(format!("{status:?} {text}")),
        }
    }

    /// Answers the question for an approval, if there is one to answer.
    pub(crate) fn reply(&self, wanted: &Wanted) -> Answer {
        native::reply(self, wanted)
    }

    /// Asks how far a payout has come.
    ///
    /// # Errors
    /// If there is no answer, or another one.
    pub(crate) fn status(&self, reference: &str) -> Result<String> {
        let answer = self.post("/v1/payout/info", &json!({ "order_id": reference }))?;
        let text = String::from_utf8_lossy(&answer.body);
        let result: Value = serde_json::from_str(&text).with_context(|| text.to_string())?;
        match result["result"]["status"].as_str() {
            Some(status) => Ok(status.into()),
            None => bail!("{} {text}", answer.start),
        }
    }

    fn post(&self, path: &str, body: &Value) -> std::io::Result<Message> {
        let body = body.to_string();
        let signed = BASE64_STANDARD.encode(&body) + &self.key;
        let sign = hex::encode(Md5::digest(signed));
        let request = Message::post(path, body).with("merchant", &self.merchant);
        http::exchange(self.gateway, &request.with("sign", &sign))
    }
}

/// What a webhook tells.
pub(crate) struct Told {
    /// The merchant's name for the payout.
    pub(crate) reference: String,
    /// Its status.
    pub(crate) status: String,
}

impl Told {
    /// Reads a webhook.
    pub(crate) fn read(webhook: &Message) -> Option<Self> {
        let body: Value = serde_json::from_slice(&webhook.body).ok()?;
        let text = |key: &str| body[key].as_str().map(String::from);
        if body["payout"].is_object() {
            return native::told(&body);
        }
        Some(Self { reference: text("order_id")?, status: text("status")? })
    }
}
