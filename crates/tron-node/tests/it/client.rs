//! An HTTP client that is no more than sockets.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::Value;
use tron_node::TronNode;

/// The answer: status and JSON; `None` if the connection was closed without one.
pub(crate) fn request(node: &TronNode, head: &str, body: &str) -> Option<(u16, Value)> {
    let host = node.url().replace("http://", "");
    let mut stream = TcpStream::connect(&host).ok()?;
    let length = body.len();
    let text = format!(
        "{head}host: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().unwrap();
    Some((status, serde_json::from_str(body).unwrap()))
}

pub(crate) fn try_post(node: &TronNode, path: &str, body: &Value) -> Option<(u16, Value)> {
    request(node, &format!("POST /{path} HTTP/1.1\r\n"), &body.to_string())
}

pub(crate) fn post(node: &TronNode, path: &str, body: &Value) -> Value {
    try_post(node, path, body).unwrap().1
}

pub(crate) fn get(node: &TronNode, path: &str) -> Value {
    request(node, &format!("GET /{path} HTTP/1.1\r\n"), "").unwrap().1
}
