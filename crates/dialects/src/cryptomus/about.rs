//! Cryptomus's API, described.

use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use super::{
    endpoints::ENDPOINTS,
    refusal::{ErrorBody, ServerErrorBody},
    wire::WebhookBody,
};
use crate::{
    about::{About, AboutWebhook, Credential},
    endpoint::Endpoint,
};

/// Describes the API of a brand.
pub(super) fn about(title: &'static str) -> About {
    About {
        title,
        text: "Payouts, signed with `md5(base64(body) + key)`. Everything a refusal says is in \
               `message`; `errors` has the rules that fields broke. The provider's calls that take \
               payments answer 404.",
        credentials: &[
            Credential::Header { name: "merchant", about: "The merchant number." },
            Credential::Header {
                name: "sign",
                about: "The MD5 of the body's base64 and the key, in hexadecimal.",
            },
        ],
        endpoints: ENDPOINTS.iter().map(Endpoint::named).collect(),
        error: |status, generator| match status {
            500 => generator.subschema_for::<ServerErrorBody>(),
            _ => generator.subschema_for::<ErrorBody>(),
        },
        broken: ("address", "validation.string"),
        webhook: AboutWebhook {
            text: "Sent on `check`, `paid`, `fail`, `system_fail` and `cancel`. The signature is \
                   that of the body without `sign`, encoded as PHP's `json_encode` does with \
                   `JSON_UNESCAPED_UNICODE`. Tried 13 times over 23 h.",
            headers: &[],
            body: webhook,
            golden: include_str!("golden/create.txt"),
            acknowledgement: "200",
        },
    }
}

/// The form of a webhook: the signature is put into the object after it was written.
fn webhook(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = <WebhookBody<'static> as schemars::JsonSchema>::json_schema(generator);
    let sign = json!({"type": "string", "description": "The signature of all other fields."});
    if let Some(properties) = schema.get_mut("properties").and_then(|it| it.as_object_mut()) {
        properties.insert("sign".to_owned(), sign);
    }
    if let Some(required) = schema.get_mut("required").and_then(|it| it.as_array_mut()) {
        required.push("sign".into());
    }
    schema
}
