//! Stands between the gateway and the node, and strikes at the worst moment: the node has accepted
//! a transaction, and the gateway never hears of it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Result;
use serde_json::Value;

use super::http::{self, Message};

/// How a node is handed a transaction, and how it says that it took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handover {
    /// By a method of JSON-RPC, whose result is the transaction's name.
    Method(&'static str),
    /// By a path, whose answer has `"result": true`.
    Path(&'static str),
}

/// The proxy.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    is_armed: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts it in front of `node`, which is handed transactions so. `strike` is called, once each
    /// time it is armed, after an accepted broadcast; its reply is lost.
    ///
    /// # Errors
    /// If there is no port.
    pub(crate) fn start(
        node: SocketAddr,
        handover: Handover,
        strike: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self> {
        let is_armed = Arc::new(AtomicBool::new(false));
        let armed = Arc::clone(&is_armed);
        let address = http::serve(move |request| {
            let response = http::exchange(node, &request).ok()?;
            let is_struck =
                handover.is_accepted(&request, &response) && armed.swap(false, Ordering::SeqCst);
            if is_struck {
                strike();
                return None;
            }
            Some(response)
        })?;
        Ok(Self { address, is_armed })
    }

    /// Makes the next accepted broadcast a strike.
    pub(crate) fn arm(&self) {
        self.is_armed.store(true, Ordering::SeqCst);
    }
}

impl Handover {
    /// Whether the request hands over a transaction, alone or among others, and the node took it.
    fn is_accepted(self, request: &Message, response: &Message) -> bool {
        let answers = items(&response.body);
        match self {
            Self::Method(method) => {
                let questions = items(&request.body);
                let mut sends = questions.iter().filter(|it| it["method"] == method);
                let is_taken = |send: &Value, it: &Value| {
                    it["id"] == send["id"] && it.get("result").is_some_and(Value::is_string)
                };
                sends.any(|send| answers.iter().any(|it| is_taken(send, it)))
            }
            Self::Path(path) => {
                request.path() == Some(path) && answers.iter().any(|it| it["result"] == true)
            }
        }
    }
}

fn items(body: &[u8]) -> Vec<Value> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(items)) => items,
        Ok(item) => vec![item],
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::{Handover, Message, Proxy, http};

    const METHOD: Handover = Handover::Method("eth_sendRawTransaction");
    const PATH: Handover = Handover::Path("/wallet/broadcasthex");
    const SEND: &str = r#"{"id":7,"method":"eth_sendRawTransaction","params":["0x"]}"#;
    const OTHER: &str = r#"{"id":8,"method":"eth_blockNumber","params":[]}"#;
    const TAKEN: &str = r#"{"id":7,"result":"0xab"}"#;

    fn accepted(request: &str, response: &str) -> bool {
        let answer = Message { body: response.into(), ..Message::answer("200 OK") };
        METHOD.is_accepted(&Message::post("/", request), &answer)
    }

    #[test]
    fn only_accepted_broadcasts_count() {
        assert!(accepted(SEND, TAKEN));
        assert!(accepted(&format!("[{OTHER},{SEND}]"), &format!(r#"[{TAKEN},{{"id":8}}]"#)));
        assert!(!accepted(SEND, r#"{"id":7,"error":{"code":-32003}}"#));
        assert!(!accepted(OTHER, r#"{"id":8,"result":"0x1"}"#));
        assert!(!accepted(&format!("[{OTHER},{SEND}]"), r#"[{"id":8,"result":"0x1"}]"#));
        assert!(!accepted("", ""));
    }

    #[test]
    fn what_is_handed_over_by_a_path_is_known_by_it() {
        let accepted = |path: &str, response: &str| {
            let answer = Message { body: response.into(), ..Message::answer("200 OK") };
            PATH.is_accepted(&Message::post(path, "{}"), &answer)
        };
        let taken = r#"{"result":true,"code":"SUCCESS","txid":"ab"}"#;
        assert!(accepted("/wallet/broadcasthex", taken));
        assert!(!accepted("/wallet/triggerconstantcontract", taken));
        assert!(!accepted("/wallet/broadcasthex", r#"{"result":false,"code":"SIGERROR"}"#));
        assert!(!accepted("/wallet/broadcasthex", ""));
    }

    #[test]
    fn an_armed_proxy_strikes_once_and_loses_the_reply() {
        let answer = Message { body: TAKEN.into(), ..Message::answer("200 OK") };
        let node = http::serve(move |_| Some(answer.clone())).unwrap();
        let strikes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&strikes);
        let strike = move || {
            counter.fetch_add(1, Ordering::SeqCst);
        };
        let proxy = Proxy::start(node, METHOD, strike).unwrap();
        let send = || http::exchange(proxy.address, &Message::post("/", SEND));
        assert_eq!(send().unwrap().body, TAKEN.as_bytes());
        proxy.arm();
        assert!(http::exchange(proxy.address, &Message::post("/", OTHER)).is_ok());
        assert!(send().is_err());
        assert!(send().is_ok());
        assert_eq!(strikes.load(Ordering::SeqCst), 1);
    }
}
