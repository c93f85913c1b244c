//! A connection to a real node on which somebody sits.

use std::sync::Arc;

use net::{Answer, BoxFuture, Client, Guard, JsonRpc, Question, Reach, Transport, Unreachable};
use rail_bitcoin::{
    Endpoint,
    chain::core::{Core, Links},
};
use serde_json::Value;

use super::WALLET;
use crate::house::once;

/// Changes the answer to a call.
pub(crate) type Edit = Arc<dyn Fn(&Value, &mut Value) + Send + Sync>;

struct Wire {
    inner: net::Endpoint,
    edit: Edit,
}

impl Transport for Wire {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        Box::pin(async move {
            let mut answer = self.inner.send(question).await?;
            match (question, &mut answer.body) {
                (Question::JsonRpc(Value::Array(calls)), Value::Array(answers)) => {
                    for call in calls {
                        let place = answers.iter_mut().find(|it| it["id"] == call["id"]).unwrap();
                        (self.edit)(call, place);
                    }
                }
                (Question::JsonRpc(call), answer) => (self.edit)(call, answer),
                (
                    Question::Post { .. }
                    | Question::Get { .. }
                    | Question::GetText { .. }
                    | Question::PostText { .. },
                    _,
                ) => {}
            }
            Ok(answer)
        })
    }
}

/// A node's endpoint on which somebody sits.
pub(crate) fn edited(name: &str, url: &str, replaces: bool, edit: &Edit) -> Endpoint {
    let client = Client::new(Guard::new(Reach::Anywhere, &[]).unwrap()).unwrap();
    let link = |url: &str| {
        let limits = net::Endpoint::LIMITS;
        let inner = net::Endpoint::new(client.clone(), url, &once(), limits).unwrap();
        JsonRpc::new(Arc::new(Wire { inner, edit: edit.clone() }))
    };
    let wallet = format!("{url}/wallet/{WALLET}");
    let links = Links {
        node: link(url),
        wallet: link(&wallet),
        patient_node: link(url),
        patient_wallet: link(&wallet),
    };
    Endpoint { name: name.to_owned(), chain: Box::new(Core::new(links, WALLET, replaces)) }
}
