//! The gateway's own API, as far as payouts are asked for in it.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{
    api::{Answer, Api, Told},
    http::{self, Message},
    workload::{Asset, Reply, Wanted},
};

/// Asks for a payout. If somebody must approve it, the question goes where webhooks go.
pub(crate) fn create(api: &Api, wanted: &Wanted) -> Answer {
    let url = format!("http://{}/webhooks", api.receiver);
    let mut body = json!({
        "asset": wanted.asset.id,
        "amount": wanted.amount(),
        "address": wanted.address,
        "merchant_ref": wanted.reference,
        "webhook_url": url,
    });
    if wanted.approval.is_some() {
        body["approval_url"] = url.into();
    }
    answer(post(api, "/vyplata/v1/payouts", body.to_string()))
}

/// Answers the question for an approval, if that is what is to be done about a payout.
pub(crate) fn reply(api: &Api, wanted: &Wanted) -> Answer {
    let word = match wanted.approval {
        Some(Reply::Approve) => "approve",
        Some(Reply::Decline) => "decline",
        Some(Reply::Cancel) => "cancel",
        Some(Reply::Silence) | None => return Answer::Accepted(String::new()),
    };
    let path = format!("/vyplata/v1/payouts/ref:{}/{word}", wanted.reference);
    answer(post(api, &path, String::new()))
}

fn answer(answer: std::io::Result<Message>) -> Answer {
    let Ok(answer) = answer else { return Answer::Lost };
    let result: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match (answer.status(), result["id"].as_str()) {
        (Some(200 | 201), Some(id)) => Answer::Accepted(id.into()),
        (Some(429 | 500..), _) => Answer::Lost,
        (status, _) => Answer::Refused(format!("{status:?} {result}")),
    }
}

/// Sets coins apart, in smallest units; whether there was an answer that says so.
///
/// # Errors
/// If it is refused.
pub(crate) fn set_apart(api: &Api, units: u128) -> Result<bool> {
    let (asset, amount) = (api.coin.ticker, api.coin.text(units));
    let body = json!({ "asset": asset, "amount": amount, "direction": "to_personal" });
    let Ok(answer) = post(api, "/vyplata/v1/transfers", body.to_string()) else {
        return Ok(false);
    };
    match answer.status() {
        Some(200) => Ok(true),
        status => bail!("{status:?} {}", String::from_utf8_lossy(&answer.body)),
    }
}

/// What has been set apart, in coins as they are written.
///
/// # Errors
/// If there is no answer, or another one.
pub(crate) fn is_apart(api: &Api) -> Result<String> {
    let body = ask(api, "/vyplata/v1/balances")?;
    let balances = body["balances"].as_array().context("no balances")?;
    let coin = balances.iter().find(|it| it["asset_id"] == api.coin.id);
    Ok(coin.and_then(|it| it["personal"].as_str()).unwrap_or("0").into())
}

/// The status of a payout, in the gateway's own words.
///
/// # Errors
/// If there is no answer, or another one.
pub(crate) fn status(api: &Api, reference: &str) -> Result<String> {
    let body = ask(api, &format!("/vyplata/v1/payouts/ref:{reference}"))?;
    body["status"].as_str().map(String::from).with_context(|| body.to_string())
}

/// Writes smallest units as balances are written: without zeros at the end.
pub(crate) fn text(asset: Asset, units: u128) -> String {
    asset.text(units).trim_end_matches('0').trim_end_matches('.').into()
}

/// Reads a webhook; its status is the one that the other API has for it.
pub(crate) fn told(body: &Value) -> Option<Told> {
    let reference = body["payout"]["merchant_ref"].as_str()?.into();
    let status = match body["type"].as_str()?.strip_prefix("payout.")? {
        "failed" => "fail",
        "cancelled" => "cancel",
        other => other,
    };
    Some(Told { reference, status: status.into() })
}

fn ask(api: &Api, path: &str) -> Result<Value> {
    let request = Message::get(path).with("authorization", &format!("Bearer {}", api.token));
    let answer = http::exchange(api.gateway, &request)?;
    serde_json::from_slice(&answer.body).with_context(|| answer.start.clone())
}

fn post(api: &Api, path: &str, body: String) -> std::io::Result<Message> {
    let request = Message::post(path, body);
    http::exchange(api.gateway, &request.with("authorization", &format!("Bearer {}", api.token)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Asset, text, told};

    #[test]
    fn balances_are_written_without_zeros_at_the_end() {
        let text = |units| text(Asset { id: "X@x", ticker: None, decimals: 8 }, units);
        assert_eq!(text(0), "0");
        assert_eq!(text(120_000_000), "1.2");
        assert_eq!(text(1_000_000_000), "10");
    }

    #[test]
    fn statuses_are_translated() {
        let told = |kind| told(&json!({ "type": kind, "payout": { "merchant_ref": "r" } }));
        let status = |kind| told(kind).map(|it| it.status);
        assert_eq!(status("payout.paid").as_deref(), Some("paid"));
        assert_eq!(status("payout.failed").as_deref(), Some("fail"));
        assert_eq!(status("payout.cancelled").as_deref(), Some("cancel"));
        assert_eq!(status("payout.awaiting_approval").as_deref(), Some("awaiting_approval"));
        assert_eq!(status("paid"), None);
    }
}
