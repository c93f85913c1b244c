//! The description of the APIs, as it is served.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use crate::{
    gateway::Gateway,
    http::{Reply, Request},
};

fn content_type(reply: &Reply) -> &str {
    reply.header("content-type").unwrap_or_default()
}

#[test]
fn the_description_is_served_and_true_of_the_gateway() {
    let gateway = Gateway::sandbox();
    let reply = gateway.send(&Request::get("/openapi.json"));
    assert_eq!((reply.status, content_type(&reply)), (200, "application/json"));
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    // Every call that is described is there, and asks for a credential in the described way.
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut request = Request::post(&path.replace("{id}", "x"), "{}");
            request.method = method.to_ascii_uppercase();
            let status = gateway.send(&request).status.to_string();
            let described = operation["responses"].get(&status);
            // One call says what is wrong with a signature, and succeeds in that.
            let expected = if path.ends_with("/test-signature") { '2' } else { '4' };
            assert!(
                described.is_some_and(|_| status.starts_with(expected)),
                "{method} {path}: {status}"
            );
            assert!(!matches!(status.as_str(), "404" | "405"), "{method} {path}: {status}");
        }
    }
    gateway.assert_healthy();
}

/// The text between a start tag and its end tag.
fn inside<'a>(page: &'a str, tag: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("<{tag}>")).unwrap();
    rest.split_once(&format!("</{tag}>")).unwrap().0
}

/// A browser runs what the policy names and nothing else, so the hashes must be those of the page.
#[test]
fn the_page_is_whole_and_loads_nothing_from_elsewhere() {
    let gateway = Gateway::sandbox();
    let reply = gateway.send(&Request::get("/docs"));
    assert_eq!((reply.status, content_type(&reply)), (200, "text/html; charset=utf-8"));
    let page = reply.text();
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    for (tag, directive) in [("script", "script-src"), ("style", "style-src")] {
        let hash = BASE64_STANDARD.encode(Sha256::digest(inside(&page, tag)));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "{policy}");
        assert_eq!(page.matches(&format!("<{tag}")).count(), 1);
    }
    for elsewhere in ["http://", "https://", "//cdn", "@import", "url(", " style=", "onclick="] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
    assert_eq!(gateway.send(&Request::post("/docs", "")).status, 405);
}
