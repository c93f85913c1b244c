//! Webhooks that merchants ask for to test their receivers.

use domain::{command::Refusal, ports::PayoutKey};
use sha2::{Digest, Sha256};

use super::{
    assets::{self, Coin},
    decode::{broken, check_order_id, required, text, url},
    sign,
    sum::PLACES,
    wire::{STATUSES, WebhookBody, fail_reason},
};
use crate::{Action, Caller, Context, decimal::with_places, fields::Fields, http, identity};

/// The status that is told of if none is asked for.
const STATUS: &str = "paid";
/// The amount of the payout that is made up.
const AMOUNT: &str = "10";

/// Reads a request for a test: a webhook like a real one, about a payout that is made up. A payout
/// that is named must be there.
pub(super) fn webhook(
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<Action, Refusal> {
    let characters_max = fields.characters_max("url_callback");
    let url =
        url(fields, characters_max)?.ok_or(Refusal::MissingField { field: "url_callback" })?;
    let currency = required(fields, "currency")?;
    let network = required(fields, "network")?;
    let Coin { currency, network, .. } = assets::find(context.catalog, currency, Some(network))?;
    let status = text(fields, "status")?.unwrap_or(STATUS);
    let known = STATUSES.into_iter().find(|it| *it == status);
    let status = known.ok_or_else(|| broken("status", "validation.in"))?;
    let order_id = text(fields, "order_id")?;
    order_id.map(check_order_id).transpose()?;
    let uuid = text(fields, "uuid")?.map(identity::public_id);
    let named = order_id.map(|it| PayoutKey::MerchantRef(caller.merchant.id, it.to_owned()));
    let about = uuid.clone().map(PayoutKey::PublicId).or(named);
    let [drawn, random_order] = identity::two_uuids(context.random);
    let uuid = uuid.unwrap_or(drawn);
    let txid = hex::encode(Sha256::digest(&uuid));
    let amount = with_places(AMOUNT, PLACES);
    let body = WebhookBody {
        r#type: "payout",
        uuid: &uuid,
        order_id: Some(order_id.unwrap_or(&random_order)),
        amount: amount.clone(),
        merchant_amount: amount.clone(),
        commission: with_places("0", PLACES),
        is_final: !matches!(status, "process" | "check"),
        status,
        fail_reason: fail_reason(status),
        txid: matches!(status, "check" | "paid").then_some(&*txid),
        currency: currency.clone(),
        network: network.to_ascii_lowercase(),
        payer_currency: currency,
        payer_amount: amount,
    };
    let message = Box::new(sign::sealed(http::json(200, &body), &caller.secret));
    Ok(Action::TestWebhook { about, url: url.to_owned(), message })
}
