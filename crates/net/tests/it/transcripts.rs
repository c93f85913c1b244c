//! Recording and replaying.

use std::sync::Arc;

use net::{
    Answer, BoxFuture, JsonRpc, Question, Recorder, Rest, RpcError, Transcript, Transport,
    Unreachable,
};
use serde_json::{Value, json};

const TEXT: &str = r#"
# A comment.
> {"method":"eth_chainId","params":[]}
< {"result":"0x1"}
> [{"method":"a","params":[]},{"params":[1],"method":"b"}]
< [{"result":1},{"error":{"code":-32000,"message":"nonce too low"}}]
> POST /wallet/getnowblock {"n": 1}
< 200 {"blockID":
    "00"}
> GET /api/v3/x?address=0%3Aa%26b
< 404 {"error":"none"}
> GETTEXT /blocks/tip/height
< 200 "812345"
> POSTTEXT /tx "0200"
< 400 "du\"st"
> {"method":"lost","params":[]}
! connection lost
"#;

async fn ask_all(transport: Arc<dyn Transport>) {
    let rpc = JsonRpc::new(Arc::clone(&transport));
    let rest = Rest::new(transport);
    assert_eq!(rpc.call("eth_chainId", json!([])).await, Ok("0x1".to_owned()));
    let batch = rpc.batch::<u64>(vec![("a", json!([])), ("b", json!([1]))]).await.unwrap();
    assert_eq!(batch[0], Ok(1));
    assert!(matches!(batch[1], Err(RpcError::Refused { code: -32_000, .. })), "{batch:?}");
    let block: Value = rest.post("/wallet/getnowblock", json!({"n": 1})).await.unwrap();
    assert_eq!(block, json!({"blockID": "00"}));
    let none = rest.get::<Value>("/api/v3/x", &[("address", "0:a&b")]).await;
    assert!(matches!(none, Err(RpcError::Refused { code: 404, .. })), "{none:?}");
    assert_eq!(rest.get_text("/blocks/tip/height").await, Ok("812345".to_owned()));
    let refused = rest.post_text("/tx", "0200".to_owned()).await;
    let message = "du\"st".to_owned();
    assert_eq!(refused, Err(RpcError::Refused { code: 400, message, data: None }));
    let lost = rpc.call::<Value>("lost", json!([])).await;
    assert_eq!(lost, Err(RpcError::Unreachable("connection lost".to_owned())));
}

#[tokio::test]
async fn a_recording_of_a_replay_replays() {
    let transcript = Arc::new(Transcript::parse(TEXT).unwrap());
    let recorder = Arc::new(Recorder::new(Arc::clone(&transcript) as Arc<dyn Transport>));
    ask_all(Arc::clone(&recorder) as Arc<dyn Transport>).await;
    assert_eq!(transcript.finish(), Ok(()));
    let again = Arc::new(Transcript::parse(&recorder.text()).unwrap());
    ask_all(Arc::clone(&again) as Arc<dyn Transport>).await;
    assert_eq!(again.finish(), Ok(()));
}

#[tokio::test]
async fn every_difference_is_noticed() {
    let cases: [fn() -> (&'static str, Value); 3] = [
        || ("eth_chainid", json!([])),
        || ("eth_chainId", json!([1])),
        || ("eth_chainId", Value::Null),
    ];
    for case in cases {
        let transcript = Arc::new(Transcript::parse(TEXT).unwrap());
        let rpc = JsonRpc::new(Arc::clone(&transcript) as Arc<dyn Transport>);
        let (method, params) = case();
        assert!(rpc.call::<Value>(method, params).await.is_err());
        assert!(rpc.call::<Value>("eth_chainId", json!([])).await.is_err(), "a second chance");
        let difference = transcript.finish().unwrap_err();
        assert!(difference.starts_with("line 3: expected "), "{difference}");
    }
}

#[tokio::test]
async fn asking_too_little_and_too_much_is_noticed() {
    let text = "> {\"method\":\"a\",\"params\":[]}\n< {\"result\":1}\n";
    let transcript = Arc::new(Transcript::parse(text).unwrap());
    assert_eq!(transcript.finish(), Err("line 1: never asked".to_owned()));
    let rpc = JsonRpc::new(Arc::clone(&transcript) as Arc<dyn Transport>);
    assert_eq!(rpc.call("a", json!([])).await, Ok(1));
    assert_eq!(transcript.finish(), Ok(()));
    assert!(rpc.call::<Value>("a", json!([])).await.is_err());
    assert!(transcript.finish().unwrap_err().starts_with("after the end: "));
}

#[test]
fn what_is_no_transcript_names_its_line() {
    for text in [
        "> {\"method\":\"a\"}",
        "> {\"method\":\"a\"}\n> {\"method\":\"b\"}",
        "> {broken\n< {}",
        "> POST /x\n< 200 {}",
        "> GET /x\n< {}",
        "< {}\n> {}",
    ] {
        let error = Transcript::parse(text).unwrap_err();
        assert!(error.starts_with("line 1: "), "{error}");
    }
}

/// A node in the process: what a rail's tests may use instead of a transcript.
struct Backwards;

impl Transport for Backwards {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        let Question::JsonRpc(Value::Array(calls)) = question else { panic!("not a batch") };
        let answer = |call: &Value| json!({"id": call["id"], "result": call["method"]});
        let body = calls.iter().rev().map(answer).collect();
        Box::pin(std::future::ready(Ok(Answer { status: 200, body })))
    }
}

#[tokio::test]
async fn a_batch_is_recorded_in_the_order_of_its_calls() {
    let recorder = Arc::new(Recorder::new(Arc::new(Backwards)));
    let rpc = JsonRpc::new(Arc::clone(&recorder) as Arc<dyn Transport>);
    let results: Vec<Result<String, RpcError>> =
        rpc.batch(vec![("a", json!([])), ("b", json!([]))]).await.unwrap();
    assert_eq!(results, [Ok("a".to_owned()), Ok("b".to_owned())]);
    assert!(recorder.text().ends_with("< [{\"result\":\"a\"},{\"result\":\"b\"}]\n"));
}
