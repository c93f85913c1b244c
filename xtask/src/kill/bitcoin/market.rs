//! What transactions cost. A network of which one node is all has no market: what the node has seen
//! of it is replaced by a price that the test sets, and everything else is passed on.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use serde_json::Value;

use crate::kill::http::{self, Message};

/// The market.
pub(crate) struct Market {
    /// Where the node is asked.
    pub(crate) address: SocketAddr,
    sat_per_vbyte: Arc<AtomicU64>,
}

impl Market {
    /// Stands in front of a node.
    ///
    /// # Errors
    /// If there is no port.
    pub(crate) fn start(node: SocketAddr, sat_per_vbyte: u64) -> Result<Self> {
        let price = Arc::new(AtomicU64::new(sat_per_vbyte));
        let shared = Arc::clone(&price);
        let address = http::serve(move |request| {
            let response = http::exchange(node, &request).ok()?;
            Some(with_price(&request, response, shared.load(Ordering::SeqCst)))
        })?;
        Ok(Self { address, sat_per_vbyte: price })
    }

    /// Sets the price of a virtual byte, in satoshi.
    pub(crate) fn set(&self, sat_per_vbyte: u64) {
        self.sat_per_vbyte.store(sat_per_vbyte, Ordering::SeqCst);
    }

    /// The price of a virtual byte, in satoshi.
    pub(crate) fn price(&self) -> u64 {
        self.sat_per_vbyte.load(Ordering::SeqCst)
    }
}

/// The node's answer, with the price in it if it was asked for that.
fn with_price(request: &Message, response: Message, sat_per_vbyte: u64) -> Message {
    let question: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if question["method"] != "estimatesmartfee" {
        return response;
    }
    // In coins for a thousand, written so that no digit is lost.
    let sat = sat_per_vbyte * 1_000;
    let rate = format!("{}.{:08}", sat / 100_000_000, sat % 100_000_000);
    let id = &question["id"];
    let body = match question["jsonrpc"].as_str() {
        Some("2.0") => {
            format!(r#"{{"jsonrpc":"2.0","result":{{"feerate":{rate},"blocks":2}},"id":{id}}}"#)
        }
        Some(_) | None => {
            format!(r#"{{"result":{{"feerate":{rate},"blocks":2}},"error":null,"id":{id}}}"#)
        }
    };
    let answer = Message::answer("200 OK").with("content-type", "application/json");
    Message { body: body.into(), ..answer }
}

#[cfg(test)]
mod tests {
    use super::{Message, with_price};

    #[test]
    fn only_the_price_is_another_one() {
        let real = || Message { body: "real".into(), ..Message::answer("200 OK") };
        let told = |body: &str| {
            let answer = with_price(&Message::post("/", body), real(), 7);
            String::from_utf8(answer.body).unwrap()
        };
        assert_eq!(told(r#"{"method":"getblockcount","id":1}"#), "real");
        assert_eq!(told("nonsense"), "real");
        assert_eq!(
            told(r#"{"method":"estimatesmartfee","id":5}"#),
            r#"{"result":{"feerate":0.00007000,"blocks":2},"error":null,"id":5}"#
        );
        let second = told(r#"{"jsonrpc":"2.0","method":"estimatesmartfee","id":"x"}"#);
        assert!(
            second.starts_with(r#"{"jsonrpc":"2.0","result""#) && second.ends_with(r#""id":"x"}"#)
        );
    }
}
