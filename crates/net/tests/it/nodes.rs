//! JSON-RPC, REST and failover over endpoints on real connections.

use std::sync::Arc;

use net::{
    Client, Endpoint, Failover, Guard, JsonRpc, Limits, Question, Reach, Rest, RpcError, Transport,
};
use serde_json::{Value, json};

use crate::server::{Reaction, Server, response};

fn endpoint_at(url: &str, headers: &[(String, String)], body_bytes_max: usize) -> Endpoint {
    let client = Client::new(Guard::new(Reach::Anywhere, &[]).unwrap()).unwrap();
    Endpoint::new(client, url, headers, Limits { timeout_ms: 10_000, body_bytes_max }).unwrap()
}

fn endpoint(server: &Server) -> Arc<dyn Transport> {
    Arc::new(endpoint_at(&server.url("/"), &[], 1_000))
}

async fn call_answered(status: &str, body: &str) -> Result<Value, RpcError> {
    let server = Server::start(vec![response(status, body)]).await;
    JsonRpc::new(endpoint(&server)).call("getblockcount", json!([])).await
}

fn echo_backwards(request: &Value) -> Value {
    let answer = |call: &Value| match call["method"].as_str() {
        Some("fail") => {
            json!({"id": call["id"], "error": {"code": -5, "message": "no", "data": 7}})
        }
        Some(_) | None => json!({"id": call["id"], "result": call["params"]}),
    };
    request.as_array().unwrap().iter().rev().map(answer).collect()
}

fn first_id(request: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "result": request["method"]})
}

#[tokio::test]
async fn a_call_carries_credentials_and_headers_and_reads_its_result() {
    let server =
        Server::start(vec![response("200 OK", r#"{"result":812345,"error":null,"id":1}"#)]).await;
    let url = format!("http://us%40er:p%3Ass@127.0.0.1:{}/wallet?key=abc#x", server.port);
    let headers = [("x-api-key".to_owned(), "k".to_owned())];
    let node = endpoint_at(&url, &headers, 1_000);
    assert_eq!(format!("{node:?}"), format!("Endpoint {{ label: {:?}, .. }}", node.label()));
    assert_eq!(node.label(), format!("127.0.0.1:{}", server.port));
    let height: u64 = JsonRpc::new(Arc::new(node)).call("getblockcount", json!([])).await.unwrap();
    assert_eq!(height, 812_345);
    let request = &server.requests()[0];
    assert!(request.starts_with("POST /wallet?key=abc HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Basic dXNAZXI6cDpzcw==\r\n"), "{request}");
    assert!(request.contains("x-api-key: k\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    assert!(
        request.ends_with(r#"{"jsonrpc":"2.0","id":1,"method":"getblockcount","params":[]}"#),
        "{request}"
    );
}

#[tokio::test]
async fn an_error_of_the_node_is_refused_whatever_the_status() {
    let body = r#"{"result":null,"error":{"code":-26,"message":"dust","data":{"a":1}},"id":1}"#;
    for status in ["200 OK", "400 Bad", "404 Unknown", "500 Error"] {
        let error = call_answered(status, body).await.unwrap_err();
        let data = Some(json!({"a": 1}));
        assert_eq!(error, RpcError::Refused { code: -26, message: "dust".to_owned(), data });
    }
}

#[tokio::test]
async fn what_is_no_answer_to_this_call_is_unreachable() {
    let error = r#"{"error":{"code":-32005,"message":"limit exceeded"},"id":1}"#;
    let result = r#"{"jsonrpc":"2.0","id":1,"result":5}"#;
    for (status, body) in [
        ("200 OK", r#"{"jsonrpc":"2.0","id":2,"result":5}"#),
        ("200 OK", r#"{"jsonrpc":"2.0","id":"1","result":5}"#),
        ("200 OK", r#"{"jsonrpc":"2.0","result":5}"#),
        ("200 OK", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse"}}"#),
        ("200 OK", r#"{"jsonrpc":"2.0","id":1}"#),
        ("200 OK", r#"{"jsonrpc":"2.0","id":1,"result":5,"error":{"code":1,"message":""}}"#),
        ("200 OK", r#"{"jsonrpc":"2.0","id":1,"error":"broken"}"#),
        ("200 OK", r#"{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":""}}"#),
        ("200 OK", r#"[{"jsonrpc":"2.0","id":1,"result":5}]"#),
        ("200 OK", r#"{"jsonrpc":"2.0","id":1,"result":5"#),
        ("200 OK", "<html>maintenance</html>"),
        ("200 OK", ""),
        ("200 OK", "null"),
        ("204 Nothing", ""),
        ("301 Moved", result),
        ("500 Error", result),
        ("500 Error", "<html>"),
        ("401 Unauthorized", error),
        ("403 Forbidden", error),
        ("429 Slow", error),
        ("502 Gateway", error),
        ("503 Busy", error),
    ] {
        let outcome = call_answered(status, body).await;
        assert!(matches!(outcome, Err(RpcError::Unreachable(_))), "{status} {body}: {outcome:?}");
    }
    let long = format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{}"}}"#, "x".repeat(1_000));
    assert!(matches!(call_answered("200 OK", &long).await, Err(RpcError::Unreachable(_))));
    let nested = format!(r#"{{"id":1,"result":{}"#, "[".repeat(900));
    assert!(matches!(call_answered("200 OK", &nested).await, Err(RpcError::Unreachable(_))));
}

#[tokio::test]
async fn a_null_result_is_a_result_and_another_type_is_not() {
    assert_eq!(call_answered("200 OK", r#"{"id":1,"result":null}"#).await, Ok(Value::Null));
    let server = Server::start(vec![response("200 OK", r#"{"id":1,"result":"0x1"}"#)]).await;
    let outcome = JsonRpc::new(endpoint(&server)).call::<u64>("eth_chainId", json!([])).await;
    assert!(matches!(outcome, Err(RpcError::Unreachable(_))), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_to_an_earlier_call_is_noticed() {
    let server = Server::start(vec![Reaction::Json(first_id), Reaction::Json(first_id)]).await;
    let rpc = JsonRpc::new(endpoint(&server));
    assert_eq!(rpc.call("first", json!([])).await, Ok(json!("first")));
    let second = rpc.call::<Value>("second", json!([])).await;
    assert!(matches!(second, Err(RpcError::Unreachable(_))), "{second:?}");
}

#[tokio::test]
async fn a_batch_is_put_in_order() {
    let server = Server::start(vec![Reaction::Json(echo_backwards)]).await;
    let rpc = JsonRpc::new(endpoint(&server));
    let calls = vec![("echo", json!(["a"])), ("fail", json!([])), ("echo", json!(["c"]))];
    let results: Vec<Result<Value, RpcError>> = rpc.batch(calls).await.unwrap();
    let refused = RpcError::Refused { code: -5, message: "no".to_owned(), data: Some(json!(7)) };
    assert_eq!(results, [Ok(json!(["a"])), Err(refused), Ok(json!(["c"]))]);
    assert_eq!(rpc.batch::<Value>(Vec::new()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_batch_with_other_answers_is_unreachable_as_a_whole() {
    for body in [
        r#"[{"id":1,"result":5}]"#,
        r#"[{"id":1,"result":5},{"id":1,"result":6}]"#,
        r#"[{"id":1,"result":5},{"id":3,"result":6}]"#,
        r#"[{"id":1,"result":5},{"id":2,"result":6},{"id":2,"result":7}]"#,
        r#"[{"id":1,"result":5},null]"#,
        r#"{"id":null,"error":{"code":-32600,"message":"no batches here"}}"#,
        "[]",
    ] {
        let server = Server::start(vec![response("200 OK", body)]).await;
        let calls = vec![("a", json!([])), ("b", json!([]))];
        let outcome = JsonRpc::new(endpoint(&server)).batch::<Value>(calls).await;
        assert!(matches!(outcome, Err(RpcError::Unreachable(_))), "{body}: {outcome:?}");
    }
}

#[tokio::test]
async fn rest_builds_paths_and_encodes_queries() {
    let ok = response("200 OK", r#"{"ok":true}"#);
    let server = Server::start(vec![ok.clone(), ok]).await;
    let node = endpoint_at(&server.url("/base/?api_key=k"), &[], 1_000);
    let rest = Rest::new(Arc::new(node));
    let body: Value = rest.get("/v3/x", &[("address", "0:a&b=c d")]).await.unwrap();
    assert_eq!(body, json!({"ok": true}));
    let _: Value = rest.post("/wallet/getnowblock", json!({"n": 1})).await.unwrap();
    let requests = server.requests();
    let first = "GET /base/v3/x?api_key=k&address=0%3Aa%26b%3Dc+d HTTP/1.1\r\n";
    assert!(requests[0].starts_with(first), "{requests:?}");
    let second = "POST /base/wallet/getnowblock?api_key=k HTTP/1.1\r\n";
    assert!(requests[1].starts_with(second) && requests[1].ends_with("{\"n\":1}"), "{requests:?}");
}

#[tokio::test]
async fn rest_maps_statuses() {
    let body = r#"{"ok":false,"error":"cannot apply external message","code":500}"#;
    let server = Server::start(vec![response("500 Error", body), response("429 Slow", body)]).await;
    let rest = Rest::new(endpoint(&server));
    let refused = rest.get::<Value>("/sendBoc", &[]).await.unwrap_err();
    let message = "cannot apply external message".to_owned();
    let data = Some(serde_json::from_str(body).unwrap());
    assert_eq!(refused, RpcError::Refused { code: 500, message, data });
    let limited = rest.get::<Value>("/sendBoc", &[]).await;
    assert!(matches!(limited, Err(RpcError::Unreachable(_))), "{limited:?}");
}

#[tokio::test]
async fn texts_are_asked_and_answered_as_they_are() {
    let server = Server::start(vec![
        response("200 OK", "812345"),
        response("200 OK", "abcd"),
        response("404 Unknown", "Transaction not found"),
        response("429 Slow", "wait"),
        Reaction::Say(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n\xff\xfe".to_vec(),
        ),
        response("200 OK", &"x".repeat(1_001)),
    ])
    .await;
    let rest = Rest::new(endpoint(&server));
    assert_eq!(rest.get_text("/blocks/tip/height").await, Ok("812345".to_owned()));
    assert_eq!(rest.post_text("/tx", "0200".to_owned()).await, Ok("abcd".to_owned()));
    let message = "Transaction not found".to_owned();
    let unknown = RpcError::Refused { code: 404, message, data: None };
    assert_eq!(rest.get_text("/tx/00/hex").await, Err(unknown));
    for _ in 0..3 {
        let lost = rest.get_text("/x").await;
        assert!(matches!(lost, Err(RpcError::Unreachable(_))), "{lost:?}");
    }
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /blocks/tip/height HTTP/1.1\r\n"), "{requests:?}");
    assert!(requests[1].starts_with("POST /tx HTTP/1.1\r\n"), "{requests:?}");
    assert!(requests[1].contains("content-type: text/plain\r\n"), "{requests:?}");
    assert!(requests[1].ends_with("\r\n\r\n0200"), "{requests:?}");
}

#[tokio::test]
async fn failover_tries_each_endpoint_once_and_stays_with_the_one_that_answers() {
    let good = |body: &str| response("200 OK", body);
    let first = Server::start(vec![Reaction::Close]).await;
    let second = Server::start(vec![response("503 Busy", "")]).await;
    let third =
        Server::start(vec![good(r#"{"id":1,"result":"a"}"#), good(r#"{"id":2,"result":"b"}"#)])
            .await;
    let endpoints = vec![endpoint(&first), endpoint(&second), endpoint(&third)];
    let rpc = JsonRpc::new(Arc::new(Failover::new(endpoints)));
    assert_eq!(rpc.call("x", json!([])).await, Ok("a".to_owned()));
    assert_eq!(rpc.call("x", json!([])).await, Ok("b".to_owned()));
    let tried = [first.requests().len(), second.requests().len(), third.requests().len()];
    assert_eq!(tried, [1, 1, 2]);
}

#[tokio::test]
async fn failover_wraps_around_and_gives_up_after_one_round() {
    let good = |body: &str| response("200 OK", body);
    let first = Server::start(vec![Reaction::Close, good(r#"{"id":2,"result":2}"#)]).await;
    let second = Server::start(vec![good(r#"{"id":1,"result":1}"#), Reaction::Close]).await;
    let rpc = JsonRpc::new(Arc::new(Failover::new(vec![endpoint(&first), endpoint(&second)])));
    assert_eq!(rpc.call("x", json!([])).await, Ok(1));
    assert_eq!(rpc.call("x", json!([])).await, Ok(2));
    assert_eq!((first.requests().len(), second.requests().len()), (2, 2));
    let gone = rpc.call::<u64>("x", json!([])).await;
    assert!(matches!(gone, Err(RpcError::Unreachable(_))), "{gone:?}");
    let nobody = Failover::new(Vec::new()).send(&Question::JsonRpc(json!({}))).await;
    assert!(nobody.is_err());
}

#[tokio::test]
async fn failover_passes_by_an_endpoint_whose_answer_is_no_answer() {
    let wrong_id = response("200 OK", r#"{"id":9,"result":1}"#);
    let first = Server::start(vec![wrong_id]).await;
    let second = Server::start(vec![response("200 OK", r#"{"id":1,"result":2}"#)]).await;
    let rpc = JsonRpc::new(Arc::new(Failover::new(vec![endpoint(&first), endpoint(&second)])));
    assert_eq!(rpc.call("x", json!([])).await, Ok(2));
}

#[tokio::test]
async fn failover_takes_a_refusal_for_an_answer() {
    let body = r#"{"error":{"code":-25,"message":"inputs missing or spent"},"id":1}"#;
    let first = Server::start(vec![response("500 Error", body)]).await;
    let second = Server::start(vec![response("200 OK", r#"{"id":1,"result":2}"#)]).await;
    let rpc = JsonRpc::new(Arc::new(Failover::new(vec![endpoint(&first), endpoint(&second)])));
    let outcome = rpc.call::<Value>("sendrawtransaction", json!(["00"])).await;
    assert!(matches!(outcome, Err(RpcError::Refused { code: -25, .. })), "{outcome:?}");
    assert!(second.requests().is_empty());
}

#[test]
fn endpoint_urls_that_cannot_work_are_refused() {
    let client = Client::new(Guard::new(Reach::Anywhere, &[]).unwrap()).unwrap();
    for url in ["", "node:8332", "ftp://node/", "unix:/run/node.sock"] {
        assert!(Endpoint::new(client.clone(), url, &[], Endpoint::LIMITS).is_err(), "{url}");
    }
}

#[tokio::test]
async fn errors_show_the_host_and_nothing_else_of_the_url() {
    let url = "http://user:secret@127.0.0.1:1/v3/secret?key=secret";
    let rpc = JsonRpc::new(Arc::new(endpoint_at(url, &[], 1_000)));
    let error = rpc.call::<Value>("x", json!([])).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:1: ") && !error.contains("secret"), "{error}");
}
