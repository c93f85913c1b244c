//! Bytes that are hardly HTTP: whatever they are, the server goes on serving and pays nothing.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use crate::{
    api::{Api, Order, address_on},
    gateway::Gateway,
    http::{Connection, Request},
    ledger::Ledger,
};

fn order(reference: &str) -> Order<'_> {
    Order {
        code: "USDT/tron",
        amount: "1",
        address: address_on("tron"),
        webhook_url: None,
        reference,
    }
}

/// Writes bytes, says that there will be no more, and reads what comes back until the end.
fn exchange(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The server may hang up before it has read everything.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = vec![];
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A head for a payout whose body comes in another way.
fn head(more: &str) -> String {
    let request = Api::Native.create(&order("raw"));
    let fields = request.headers.iter().map(|it| format!("{}: {}\r\n", it.0, it.1));
    format!("POST {} HTTP/1.1\r\nhost: x\r\n{}{more}\r\n", request.path, fields.collect::<String>())
}

#[test]
fn hostile_bytes_are_survived_and_pay_nothing() {
    let gateway = Gateway::sandbox();
    let body = Api::Native.body(&order("raw")).json();
    let length = body.len();
    let long = "x".repeat(1_000_000);
    let chunks = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    let chunked = "transfer-encoding: chunked\r\n";
    let hostile: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("nothing", vec![], &[""]),
        ("noise", (0..=255).cycle().take(100_000).collect(), &["HTTP/1.1 400", ""]),
        ("another protocol", b"\x16\x03\x01\x02\x00\x01\x00".to_vec(), &["HTTP/1.1 400", ""]),
        ("a garbage request line", b"GARBAGE\r\n\r\n".to_vec(), &["HTTP/1.1 400"]),
        ("no such version", b"POST / HTTP/9.9\r\n\r\n".to_vec(), &["HTTP/1.1 400", ""]),
        ("a huge header", head(&format!("x-big: {long}\r\n")).into(), &["HTTP/1.1 4", ""]),
        ("many headers", head(&"a: b\r\n".repeat(5_000)).into(), &["HTTP/1.1 431", ""]),
        ("a huge path", format!("GET /{long} HTTP/1.1\r\n\r\n").into(), &["HTTP/1.1 4", ""]),
        ("a strange header", head("x: \0\r\n").into(), &["HTTP/1.1 400"]),
        ("half a head", head("")[..80].into(), &[""]),
        (
            "half a body",
            (head(&format!("content-length: {length}\r\n")) + &body[..9]).into(),
            &["HTTP/1.1 4", ""],
        ),
        (
            "a lie about its length",
            (head("content-length: 5\r\n") + &body).into(),
            &["HTTP/1.1 400"],
        ),
        ("a negative length", (head("content-length: -5\r\n") + &body).into(), &["HTTP/1.1 400"]),
        ("chunks without an end", (head(chunked) + &chunks).into(), &["HTTP/1.1 413"]),
        ("a broken chunk", (head(chunked) + "zz\r\n" + &body).into(), &["HTTP/1.1 4", ""]),
        (
            "two lengths",
            (head(&format!("content-length: 5\r\ncontent-length: {length}\r\n")) + &body).into(),
            &["HTTP/1.1 400"],
        ),
    ];
    for (what, bytes, expected) in hostile {
        let answer = exchange(&gateway, &bytes);
        let first = answer.lines().next().unwrap_or_default();
        // An empty expectation is met by silence only.
        let met = |it: &&str| if it.is_empty() { first.is_empty() } else { first.starts_with(it) };
        assert!(expected.iter().any(met), "{what}: {first:?}");
        gateway.assert_healthy();
    }
    assert!(Ledger::open(&gateway.data).payouts().is_empty(), "nothing of this is a payout");
}

#[test]
fn a_long_body_in_chunks_is_refused_in_the_shape_of_its_api() {
    let gateway = Gateway::sandbox();
    let mut connection = Connection::open(gateway.address).unwrap();
    connection.write(head("transfer-encoding: chunked\r\n").as_bytes()).unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 1_000, " ".repeat(1_000));
    for _ in 0..66 {
        connection.write(chunk.as_bytes()).unwrap();
    }
    let reply = connection.read().unwrap();
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (413, &"body_too_large".into()));
    gateway.assert_healthy();
}

#[test]
fn requests_that_are_sent_at_once_are_answered_in_their_order() {
    let gateway = Gateway::sandbox();
    let mut connection = Connection::open(gateway.address).unwrap();
    let references: Vec<String> = (0..20).map(|it| format!("pipelined-{it}")).collect();
    let mut bytes = vec![];
    for reference in &references {
        bytes.extend(Api::Native.create(&order(reference)).bytes());
        bytes.extend(Request::get("/healthz").bytes());
    }
    connection.write(&bytes).unwrap();
    for reference in &references {
        let created = connection.read().unwrap();
        assert_eq!((created.status, &created.json()["merchant_ref"]), (201, &(**reference).into()));
        assert_eq!(connection.read().unwrap().text(), "ok\n");
    }
    assert_eq!(Ledger::open(&gateway.data).payouts().len(), references.len());
}

/// Whoever sends half a request and waits must not keep others from being served.
#[test]
fn slow_clients_hold_up_nobody() {
    let gateway = Gateway::sandbox();
    let head = head("content-length: 10\r\n");
    let slow: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = TcpStream::connect(gateway.address).unwrap();
            let half = if number % 2 == 0 { &head[..] } else { &head[..20] };
            stream.write_all(half.as_bytes()).unwrap();
            stream
        })
        .collect();
    gateway.assert_healthy();
    let reply = gateway.send(&Api::Native.create(&order("quick")));
    assert_eq!(reply.status, 201, "{}", reply.text());
    // A body that does not come is not waited for for ever.
    let mut answer = String::new();
    let mut first = &slow[0];
    first.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 4") && answer.contains("took too long"), "{answer}");
    drop(slow);
    gateway.assert_healthy();
    assert_eq!(Ledger::open(&gateway.data).payouts().len(), 1);
}
