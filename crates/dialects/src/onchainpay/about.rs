//! `OnchainPay`'s API, described.

use schemars::SchemaGenerator;

use super::{
    PUBLIC_KEY, SIGNATURE,
    endpoints::ENDPOINTS,
    refusal::ErrorBody,
    webhooks::{Told, WEBHOOK_ID},
};
use crate::{
    about::{About, AboutWebhook, Credential},
    endpoint::Endpoint,
};

/// Describes the API of a brand.
pub(super) fn about(title: &'static str) -> About {
    About {
        title,
        text: "Automatic withdrawals. Every call is a POST, signed over the bytes of its body.",
        credentials: &[
            Credential::Header { name: PUBLIC_KEY, about: "The public key." },
            Credential::Header {
                name: SIGNATURE,
                about: "The HMAC-SHA256 of the body with the private key, in hexadecimal.",
            },
        ],
        endpoints: ENDPOINTS.iter().map(Endpoint::named).collect(),
        error: |_, generator| generator.subschema_for::<ErrorBody>(),
        broken: ("address", "must be a string"),
        webhook: AboutWebhook {
            text: "Sent when a withdrawal becomes `WITHDRAWING`, `PROCESSED`, `ERROR` or \
                   `REJECTED`. Tried 6 times every 10 s, 5 times every 30 min, 4 times every 2 h, \
                   3 times every 12 h. A withdrawal that waits for an approval is posted to \
                   `approveUrl` in the same way, as `PENDING`; the answer is given with \
                   `auto-withdrawals/approve`.",
            headers: &[
                (PUBLIC_KEY, "The public key of the credential that asked for the withdrawal."),
                (SIGNATURE, "The HMAC-SHA256 of the body with its private key, in hexadecimal."),
                (WEBHOOK_ID, "The webhook's name, for `webhooks/get`; the same for every try."),
            ],
            body: SchemaGenerator::subschema_for::<Told<'static>>,
            golden: include_str!("golden/create.txt"),
            acknowledgement: "200",
        },
    }
}
