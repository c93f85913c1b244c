//! What requests of `CryptoCloud`'s API mean.

use domain::{
    command::{Asked, CreatePayout, Refusal},
    ids::DialectId,
    payout::{self, Status},
    quote::FeeBearer,
};

use super::{NAME, assets, wire::Note};
use crate::{
    Caller, Context, Request,
    fields::{Fields, Value},
    http,
};

const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// What merchants are told of, if they have named an address.
pub(super) const TOLD: [Status; 3] = [Status::Paid, Status::Failed, Status::Cancelled];

/// Reads a request for a withdrawal.
pub(super) fn create(
    request: &Request<'_>,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let code = fields.required("currency_code")?;
    let address = fields.required("to_address")?.to_owned();
    let amount = fields.get("amount").filter(|it| **it != Value::Text(String::new()));
    let amount = amount.ok_or(Refusal::MissingField { field: "amount" })?;
    let asset = assets::find(context.catalog, code)?;
    let webhook = caller.merchant.webhook_url.clone();
    let note = Note { project: caller.merchant.name.clone() };
    let (merchant, dialect) = (caller.merchant.id, DialectId::new(NAME));
    let asked = Asked::Exact(amount.amount(asset.decimals)?);
    let create =
        CreatePayout::new(context.payout_id, merchant, dialect, asset.id.clone(), asked, address);
    Ok(CreatePayout {
        public_ids: invoice_ids(context.random),
        key: Some(caller.key.id),
        merchant_ref: order_id(fields)?,
        idempotency_key: http::idempotency_key(request)?,
        bearer: FeeBearer::Merchant,
        memo: fields.filled("memo")?.map(str::to_owned),
        webhook: webhook.map(|url| payout::Webhook { url, on: TOLD.to_vec() }),
        note: serde_json::to_string(&note).expect("a note is plain text"),
        ..create
    })
}

/// Reads the merchant's own reference, which integrators send as text or as a number.
fn order_id(fields: &Fields) -> Result<Option<String>, Refusal> {
    let number = match fields.get("order_id") {
        Some(Value::Number(text)) => Some(text.clone()),
        _ => None,
    };
    let text = match number {
        Some(text) => Some(text),
        None => fields.filled("order_id")?.map(str::to_owned),
    };
    let fits = |it: &String| {
        it.len() <= fields.characters_max("order_id") * 4 && !it.contains(char::is_control)
    };
    match text {
        Some(text) if !fits(&text) => {
            let detail = "must be short and without control characters".to_owned();
            Err(Refusal::InvalidField { field: "order_id", detail })
        }
        text => Ok(text),
    }
}

/// Three identifiers in the provider's shape to choose from.
fn invoice_ids(random: &[u8; 64]) -> Vec<String> {
    let id = |bytes: &[u8; 8]| {
        let mut number = u64::from_le_bytes(*bytes);
        let mut text = "INV-".to_owned();
        for _ in 0..8 {
            let digit = usize::try_from(number % 36).expect("a remainder of 36 is small");
            text.push(char::from(LETTERS[digit]));
            number /= 36;
        }
        text
    };
    random.as_chunks::<8>().0[..3].iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_the_providers_shape() {
        let mut random = [0; 64];
        random[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        random[8] = 35;
        let ids = invoice_ids(&random);
        assert_eq!(ids, ["INV-P2Q2EGCB", "INV-9AAAAAAA", "INV-AAAAAAAA"]);
    }
}
