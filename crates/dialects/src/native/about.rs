//! Our own API, described.

use schemars::SchemaGenerator;

use super::{endpoints::ENDPOINTS, refusal::ErrorBody, wire::WebhookBody};
use crate::{
    about::{About, AboutWebhook, Credential},
    endpoint::Endpoint,
};

/// Describes the API.
pub(super) fn about() -> About {
    About {
        title: "Vyplata",
        text: "The gateway's own API: small, strict, and with nothing to guess. A field that does \
               not exist, a field that is there twice, a number where a text belongs are refused.",
        credentials: &[Credential::Bearer { about: "The account's API token." }],
        endpoints: ENDPOINTS.iter().map(Endpoint::named).collect(),
        error: |_, generator| generator.subschema_for::<ErrorBody>(),
        broken: ("asset", "must be a string"),
        webhook: AboutWebhook {
            text: "Sent when a payout becomes `sending`, `in_block`, `paid`, `failed` or \
                   `cancelled`; the payout is as it was at that moment. `payout.awaiting_approval` goes \
                   to the payout's `approval_url` instead, signed in the same way. Compare the signature in \
                   constant time and refuse an old `t`. Tries after 5 s, 5 min, 30 min, 2 h, 5 h, \
                   10 h, 10 h.",
            headers: &[
                (
                    "Vyplata-Signature",
                    "`t=<unix seconds>,v1=<hex>`, where `v1` is the HMAC-SHA256 of `<t>.<body>` \
                     with the API token.",
                ),
                ("Vyplata-Delivery", "The delivery's identifier: the same for every try."),
            ],
            body: SchemaGenerator::subschema_for::<WebhookBody<'static>>,
            golden: include_str!("golden/create.txt"),
            acknowledgement: "2XX",
        },
    }
}
