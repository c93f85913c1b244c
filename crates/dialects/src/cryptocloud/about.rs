//! `CryptoCloud`'s API, described.

use schemars::SchemaGenerator;

use super::{endpoints::ENDPOINTS, refusal::ErrorBody, wire::Postback};
use crate::{
    about::{About, AboutWebhook, Credential},
    endpoint::Endpoint,
};

/// Describes the API.
pub(super) fn about() -> About {
    About {
        title: "CryptoCloud",
        text: "The withdrawals of CryptoCloud, and its questions about them. Nearly every refusal is \
               HTTP 400: the key in `result` tells them apart.",
        credentials: &[Credential::Header {
            name: "Authorization",
            about: "`Token` and an API key: the withdrawal key for every call, or the project key for \
                    all but the request for a withdrawal.",
        }],
        endpoints: ENDPOINTS.iter().map(Endpoint::named).collect(),
        error: |_, generator| generator.subschema_for::<ErrorBody>(),
        broken: ("to_address", "must be a string"),
        webhook: AboutWebhook {
            text: "Sent to the account's address when a withdrawal ends well (`status` is \
                   `success`) or badly (`fail`). `token` is a JWT (HS256) signed with the withdrawal key. \
                   Tries after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h.",
            headers: &[],
            body: SchemaGenerator::subschema_for::<Postback<'static>>,
            golden: include_str!("golden/paid.txt"),
            acknowledgement: "2XX",
        },
    }
}
