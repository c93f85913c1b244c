//! Webhooks about payouts of any content: what is posted is JSON as it is described, no digit of an
//! amount is lost, and whoever receives it finds the signature right.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::*};
use dialects::{Caller, DIALECTS, Dialect, Message, Webhook};
use domain::{
    Timestamp,
    catalog::{Asset, Destination},
    delivery::{Delivery, DeliveryState},
    ids::{AssetId, BatchId, DeliveryId, DialectId, PayoutId, TxId},
    money::{Amount, Decimal, Rate},
    payout::{Failure, FailureCode, Payout, PayoutState, Priority, Stage, Status},
    quote::{Conversion, FeeBearer, Quote, Worth},
    rates::Priced,
};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use serde_json::Value;

use crate::{
    gateway::{self, Gateway},
    numbers::Numbers,
    signing::{hmac_sha256, md5_of_base64},
};

/// Characters that somebody escapes, or that mean something somewhere.
const SPECIAL: [char; 16] = [
    '/', '\\', '"', '\'', '<', '&', '+', '\0', '\n', '\u{1f}', '\u{7f}', '\u{2028}', '\u{2029}',
    '\u{feff}', 'ж', '😀',
];

/// How many of them are in one text.
const SPECIAL_MAX: usize = 6;

/// Checks the webhooks of all APIs about one payout.
pub fn check(input: &[u8]) {
    gateway::with(|gateway| {
        let mut input = Unstructured::new(input);
        // Inputs that are too short are filled up with zeros.
        if let Ok(payout) = payout(gateway, &mut input)
            && let Ok(delivery) = delivery(&payout, &mut input)
        {
            for dialect in DIALECTS {
                check_dialect(gateway, *dialect, &payout, &delivery);
            }
        }
    });
}

fn check_dialect(
    gateway: &mut Gateway,
    dialect: &dyn Dialect,
    payout: &Payout,
    delivery: &Delivery,
) {
    let of_dialect = |it: &&Caller| it.key.dialect.as_str() == dialect.name();
    let caller = gateway.world.callers.iter().find(of_dialect).cloned();
    let caller = caller.expect("there are credentials of every dialect");
    let payout = &Payout { dialect: DialectId::new(dialect.name()), ..payout.clone() };
    let (key, secret) = (&caller.key, &caller.secret);
    let webhook = Webhook { payout, delivery, key, secret };
    let context = gateway.world.context();
    let now = context.now;
    let message = dialect.webhook(&webhook, &context);
    let value: Value = serde_json::from_slice(&message.body).expect("a webhook is JSON");
    gateway.description.check_webhook(brand(dialect.name()), &value);
    let asset = gateway.world.catalog.asset(payout.asset.as_str());
    let asset = asset.expect("it was taken from there");
    let numbers = Numbers::of(&message.body);
    let told = [payout.quote.asked, payout.quote.amount].map(|it| asset.text(it));
    assert!(told.iter().any(|it| numbers.has(it)), "{told:?} {value}");
    match dialect.name() {
        "native" => check_native(&message, secret, now),
        "cryptocloud" => check_cryptocloud(&value, secret, now),
        "cryptomus" | "heleket" => check_cryptomus(&message, secret),
        "onchainpay" | "apollo" => check_onchainpay(&message, secret),
        other => panic!("nobody knows how {other} signs"),
    }
}

/// The name that a twin's API is described under.
fn brand(dialect: &str) -> &str {
    match dialect {
        "heleket" => "cryptomus",
        "apollo" => "onchainpay",
        other => other,
    }
}

fn header<'a>(message: &'a Message, name: &str) -> &'a str {
    let found = message.headers.iter().find(|it| it.0 == name);
    &found.unwrap_or_else(|| panic!("there is no {name}")).1
}

fn check_native(message: &Message, secret: &str, now: Timestamp) {
    let seconds = now.0 / 1_000;
    let signed = [format!("{seconds}.").as_bytes(), &message.body].concat();
    let signature = hex::encode(hmac_sha256(secret, &signed));
    assert_eq!(header(message, "vyplata-signature"), format!("t={seconds},v1={signature}"));
}

fn check_onchainpay(message: &Message, secret: &str) {
    let signature = hex::encode(hmac_sha256(secret, &message.body));
    assert_eq!(header(message, "x-api-signature"), signature);
}

/// Reads the JWT as a library does.
fn check_cryptocloud(value: &Value, secret: &str, now: Timestamp) {
    let token = value["token"].as_str().expect("there is a token");
    let (signed, signature) = token.rsplit_once('.').expect("it has three parts");
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("it is base64");
    assert_eq!(signature, hmac_sha256(secret, signed.as_bytes()));
    let claims = signed.split_once('.').expect("it has three parts").1;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("it is base64");
    let claims: Value = serde_json::from_slice(&claims).expect("it is JSON");
    let expires_at = claims["exp"].as_u64().expect("it expires");
    assert!(expires_at > now.0 / 1_000 && claims["id"].is_string(), "{claims}");
}

/// Takes the signature out and encodes the rest again, as PHP does.
fn check_cryptomus(message: &Message, secret: &str) {
    let body = std::str::from_utf8(&message.body).expect("it is text");
    let (rest, signature) = body.rsplit_once(",\"sign\":\"").expect("the signature comes last");
    let rest = format!("{rest}}}");
    let encoded = encoded_by_php(&rest);
    assert_eq!(encoded, rest);
    let signature = signature.strip_suffix("\"}").expect("nothing comes after it");
    assert_eq!(signature, md5_of_base64(secret, encoded.as_bytes()));
}

/// Encodes every text of a JSON text again as PHP's `json_encode` does with
/// `JSON_UNESCAPED_UNICODE`, and leaves everything else.
fn encoded_by_php(json: &str) -> String {
    let (mut out, mut rest) = (String::new(), json);
    while let Some(start) = rest.find('"') {
        let mut texts = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<String>();
        let text = texts.next().and_then(std::result::Result::ok).expect("it is a JSON text");
        out.push_str(&rest[..start]);
        out.push('"');
        text.chars().for_each(|it| push_as_php(&mut out, it));
        out.push('"');
        rest = &rest[start + texts.byte_offset()..];
    }
    out + rest
}

fn push_as_php(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '/' => out.push_str("\\/"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
            write!(out, "\\u{:04x}", u32::from(character)).expect("a String takes everything");
        }
        other => out.push(other),
    }
}

fn payout(gateway: &Gateway, input: &mut Unstructured<'_>) -> Result<Payout> {
    let assets: Vec<&Asset> = gateway.world.catalog.assets().collect();
    let (asset, sold) = (*input.choose(&assets)?, *input.choose(&assets)?);
    let caller = &gateway.world.callers[0];
    let created_at = Timestamp(input.arbitrary()?);
    Ok(Payout {
        travels_alone: false,
        id: PayoutId(input.arbitrary()?),
        public_id: text(input)?,
        merchant: caller.merchant.id,
        dialect: caller.key.dialect.clone(),
        key: Some(caller.key.id),
        merchant_ref: maybe_text(input)?,
        network: asset.network.clone(),
        asset: asset.id.clone(),
        quote: quote(&sold.id, input)?,
        priority: Priority::default(),
        content: String::new(),
        approval: None,
        webhook: None,
        state: state(input)?,
        delivery_count: input.arbitrary()?,
        created_at,
        updated_at: Timestamp(input.arbitrary()?),
        version: 1,
        destination: Destination { address: text(input)?, memo: maybe_text(input)? },
        note: text(input)?,
    })
}

/// Amounts of any size, as long as their sums can be made, as in everything that is stored.
fn quote(sold: &AssetId, input: &mut Unstructured<'_>) -> Result<Quote> {
    let bearer = if input.arbitrary()? { FeeBearer::Merchant } else { FeeBearer::Recipient };
    let [amount, service_fee, network_fee] =
        [amount(input, 2)?, amount(input, 3)?, amount(input, 3)?];
    let usd = priced(input)?;
    let worth = if input.arbitrary()? { worth(input)? } else { None };
    let asked = amount_or(amount, input)?;
    let mut quote =
        Quote { asked, bearer, amount, service_fee, network_fee, usd, worth, conversions: vec![] };
    if input.arbitrary()? {
        let bought = amount_or(quote.price(), input)?;
        let [cost, insurance] = [self::amount(input, 2)?, self::amount(input, 2)?];
        let price = priced(input)?;
        let conversion = Conversion { from: sold.clone(), cost, insurance, bought, price };
        quote.conversions.push(conversion);
        if !quote.adds_up() {
            quote.conversions.clear();
        }
    }
    Ok(quote)
}

fn amount_or(other: Amount, input: &mut Unstructured<'_>) -> Result<Amount> {
    if input.arbitrary()? { Ok(other) } else { amount(input, 2) }
}

/// An amount that is below one part in `2^bits` of all numbers.
fn amount(input: &mut Unstructured<'_>, bits: u32) -> Result<Amount> {
    let units = input.arbitrary::<u128>()? >> input.int_in_range(bits..=127)?;
    Ok(Amount::from_units(units).expect("half of the numbers are amounts"))
}

fn priced(input: &mut Unstructured<'_>) -> Result<Option<Priced>> {
    let text = format!("{}.{}", input.arbitrary::<u32>()?, input.arbitrary::<u16>()?);
    let (source, at) = (self::text(input)?, Timestamp(input.arbitrary()?));
    Ok(Rate::parse(&text).map(|usd| Priced { usd, source, at }))
}

fn worth(input: &mut Unstructured<'_>) -> Result<Option<Worth>> {
    let (currency, amount) = (text(input)?, Decimal::new(amount(input, 2)?, 2));
    Ok(priced(input)?.map(|price| Worth { currency, amount, price }))
}

fn txid(input: &mut Unstructured<'_>) -> Result<TxId> {
    Ok(TxId::new(&text(input)?))
}

fn text(input: &mut Unstructured<'_>) -> Result<String> {
    if input.arbitrary()? {
        return input.arbitrary();
    }
    let length = input.int_in_range(0..=SPECIAL_MAX)?;
    (0..length).map(|_| input.choose(&SPECIAL).copied()).collect()
}

fn maybe_text(input: &mut Unstructured<'_>) -> Result<Option<String>> {
    if input.arbitrary()? { text(input).map(Some) } else { Ok(None) }
}

fn state(input: &mut Unstructured<'_>) -> Result<PayoutState> {
    let seen = if input.arbitrary()? { Some(txid(input)?) } else { None };
    Ok(match input.int_in_range(0..=5)? {
        0 => PayoutState::Queued,
        1 => PayoutState::Sending { batch: BatchId(1), stage: Stage::InBlock, txid: seen },
        2 => PayoutState::Paid { txid: txid(input)?, at: Timestamp(input.arbitrary()?) },
        3 => PayoutState::Cancelled,
        4 => PayoutState::AwaitingApproval,
        _ => {
            let code = FailureCode::RefusedByNetwork;
            let failure = Failure { code, detail: text(input)? };
            PayoutState::Failed { failure, txid: seen }
        }
    })
}

fn delivery(payout: &Payout, input: &mut Unstructured<'_>) -> Result<Delivery> {
    let earlier = *input.choose(&Status::ALL)?;
    Ok(Delivery {
        id: DeliveryId { payout: payout.id, number: input.arbitrary()? },
        url: text(input)?,
        status: if input.arbitrary()? { earlier } else { payout.state.status() },
        txid: if input.arbitrary()? { Some(txid(input)?) } else { None },
        occurred_at: Timestamp(input.arbitrary()?),
        state: DeliveryState::Due,
        tries: 0,
        due_at: payout.created_at,
        last_result: String::new(),
        body: vec![],
        version: 1,
    })
}
