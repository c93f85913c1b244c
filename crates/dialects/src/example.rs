//! Examples for the description of the APIs: the conversations in `golden/`, which tests hold the
//! code to.

use serde_json::Value;

use crate::endpoint::Endpoint;

/// Finds the body of the first success of a call in its conversation.
pub(crate) fn success<R>(endpoint: &Endpoint<R>, status: u16) -> Option<Value> {
    let mut is_asked = false;
    for (name, first, body) in sections(endpoint.golden) {
        match name {
            "request" => {
                let (method, target) = first.split_once(' ')?;
                let path = target.split('?').next()?.trim_end_matches('/');
                is_asked = method == endpoint.method && endpoint.variables(path).is_some();
            }
            "answer" if is_asked && first == format!("HTTP {status}") => {
                return serde_json::from_str(body).ok();
            }
            _ => {}
        }
    }
    None
}

/// Finds the body of the first webhook in a conversation.
pub(crate) fn webhook(conversation: &str) -> Option<Value> {
    let mut webhooks = sections(conversation).filter(|it| it.0 == "webhook");
    webhooks.find_map(|(_, _, body)| serde_json::from_str(body).ok())
}

/// Splits a conversation into its sections: the name, the first line, and the body.
fn sections(conversation: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let sections = conversation.strip_prefix("== ").unwrap_or(conversation).split("\n== ");
    sections.map(|section| {
        let (name, text) = section.split_once('\n').unwrap_or((section, ""));
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        (name, head.lines().next().unwrap_or_default(), body)
    })
}
