//! Why a payout is where it is, and what happens next: for people.

use std::fmt::Write as _;

use domain::{
    Timestamp,
    batch::{Attempt, AttemptStatus, Batch},
    catalog::{Catalog, DestinationError},
    command::Refusal,
    delivery::DeliveryState,
    ids::AssetId,
    money::Amount,
    payout::{Approval, Payout, PayoutState, Priority, Stage},
    ports::PayoutView,
    rates::Priced,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Prints a moment as RFC 3339, to the second.
pub(crate) fn moment(at: Timestamp) -> String {
    let seconds = i64::try_from(at.0 / 1_000).unwrap_or(0);
    let utc = OffsetDateTime::from_unix_timestamp(seconds).ok();
    utc.and_then(|it| it.format(&Rfc3339).ok()).unwrap_or_default()
}

/// A text of somebody else's as it can be printed: nothing in it moves the cursor or ends the line.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Prints units that may be below zero, for an asset of `decimals` places.
pub(crate) fn signed(units: i128, decimals: u8) -> String {
    let amount = Amount::from_units(units.unsigned_abs()).unwrap_or(Amount::MAX);
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{}", amount.to_text(decimals))
}

/// Prints a payout with everything that explains it.
pub(crate) fn view(catalog: &Catalog, view: &PayoutView) -> String {
    let payout = &view.payout;
    let quote = &payout.quote;
    let decimals = catalog.asset(payout.asset.as_str()).map_or(0, |it| it.decimals);
    let mut text = String::new();
    let mut line = |label: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{label:<12} {}", plain(&value));
    };
    line("payout", payout.id.to_string());
    line("known as", payout.public_id.clone());
    line("api", payout.dialect.to_string());
    line("reference", payout.merchant_ref.clone().unwrap_or_else(|| "none".to_owned()));
    line("status", payout.state.status().word().to_owned());
    line("next", next(view));
    line("arrives", format!("{} {}", quote.amount.to_text(decimals), payout.asset));
    line(
        "price",
        format!(
            "{} (service {}, network {})",
            quote.price().to_text(decimals),
            quote.service_fee.to_text(decimals),
            quote.network_fee.to_text(decimals)
        ),
    );
    for (label, value) in money(catalog, payout) {
        line(label, value);
    }
    line("to", payout.destination.address.clone());
    if let Some(memo) = &payout.destination.memo {
        line("memo", memo.clone());
    }
    for words in view.batch.iter().flat_map(|it| attempts(catalog, it)) {
        line("transaction", words);
    }
    for (label, value) in carriage(catalog, view) {
        line(label, value);
    }
    for event in &view.events {
        line(&moment(event.at), format!("{} {}", event.kind.word(), event.detail));
    }
    for delivery in &view.deliveries {
        let state = match delivery.state {
            DeliveryState::Due => format!("due {}", moment(delivery.due_at)),
            DeliveryState::Delivered => "delivered".to_owned(),
            DeliveryState::GivenUp => "given up".to_owned(),
        };
        line(
            "webhook",
            format!(
                "{} to {}: {state}, tries {}, {}",
                delivery.status.word(),
                delivery.url,
                delivery.tries,
                delivery.last_result
            ),
        );
    }
    text
}

/// Every transaction of a batch: what became of it, and what it costs.
fn attempts(catalog: &Catalog, batch: &Batch) -> Vec<String> {
    let fee_asset = catalog.network(batch.network.as_str()).map(|it| it.fee_asset.clone());
    let coin = fee_asset.and_then(|it| catalog.asset(it.as_str()));
    let text = |fee: Amount| coin.map(|it| format!("{} {}", it.text(fee), it.ticker));
    let words = |(place, attempt): (usize, &Attempt)| {
        let number = attempt.sequence.map(|it| format!(" number {it}")).unwrap_or_default();
        let later = batch.attempts.iter().skip(place + 1);
        let is_replaced = match attempt.status {
            AttemptStatus::Signed | AttemptStatus::Broadcast | AttemptStatus::Dead => {
                later.into_iter().any(|it| it.excludes(attempt))
            }
            AttemptStatus::InBlock | AttemptStatus::Final | AttemptStatus::Reverted => false,
        };
        let replaced = if is_replaced { ", replaced by the next" } else { "" };
        let offered = text(attempt.fee_max).map(|it| format!(", fee at most {it}"));
        let charged = attempt.fee.and_then(text).map(|it| format!(", charged {it}"));
        let (offered, charged) = (offered.unwrap_or_default(), charged.unwrap_or_default());
        let (txid, status) = (&attempt.tx.txid, word(attempt.status));
        format!("{txid}{number} {status}{replaced}{offered}{charged}")
    };
    batch.attempts.iter().enumerate().map(words).collect()
}

/// With how many others it travels, and its share of what the network charged for that.
fn carriage(catalog: &Catalog, view: &PayoutView) -> Vec<(&'static str, String)> {
    let Some(batch) = &view.batch else { return vec![] };
    let count = batch.payouts.len();
    let mut lines = vec![];
    if count > 1 {
        lines.push(("batch", format!("{} with {} others", batch.id, count - 1)));
    }
    let place = batch.payouts.iter().position(|it| *it == view.payout.id);
    let fee_asset = catalog.network(batch.network.as_str()).map(|it| it.fee_asset.clone());
    if let (Some(place), Some(asset)) = (place, fee_asset) {
        let decimals = catalog.asset(asset.as_str()).map_or(0, |it| it.decimals);
        let share = |fee: Amount| fee.shares(count).nth(place).unwrap_or_default();
        for fee in batch.attempts.iter().filter_map(|it| it.fee) {
            let (own, whole) = (share(fee).to_text(decimals), fee.to_text(decimals));
            let of = if count > 1 { format!(" of {whole}") } else { String::new() };
            lines.push(("charged", format!("{own}{of} {asset} by the network")));
        }
    }
    lines
}

/// Where the figures come from, what is sold, and who approves.
fn money(catalog: &Catalog, payout: &Payout) -> Vec<(&'static str, String)> {
    let quote = &payout.quote;
    let text = |asset: &AssetId, amount: Amount| {
        let decimals = catalog.asset(asset.as_str()).map_or(0, |it| it.decimals);
        format!("{} {asset}", amount.to_text(decimals))
    };
    let mut lines = vec![];
    lines.extend(quote.usd.as_ref().map(|it| ("usd", priced(it))));
    lines.extend(quote.worth.as_ref().map(|it| {
        let price = priced(&it.price);
        ("worth", format!("{} {} at {price}", it.amount, it.currency))
    }));
    for it in &quote.conversions {
        let price = it.price.as_ref().map_or_else(|| "one for one".to_owned(), priced);
        let (sold, bought) = (text(&it.from, it.cost), text(&payout.asset, it.bought));
        let insurance = match it.insurance {
            Amount::ZERO => String::new(),
            some => format!(", {} more set aside", text(&it.from, some)),
        };
        lines.push(("sells", format!("{sold} for {bought}, at {price}{insurance}")));
    }
    match payout.priority {
        Priority::Recommended => {}
        other @ (Priority::Economy | Priority::High | Priority::Highest) => {
            lines.push(("priority", other.word().to_owned()));
        }
    }
    lines.extend(payout.approval.as_ref().map(|it| ("approval", approval(it))));
    lines
}

fn priced(price: &Priced) -> String {
    format!("{} USD by {} at {}", price.usd, price.source, moment(price.at))
}

fn approval(approval: &Approval) -> String {
    match &approval.verdict {
        None => format!("open until {}", moment(approval.until)),
        Some(it) => {
            let word = if it.approve { "approved" } else { "declined" };
            let (who, at) = (&it.key_public, moment(it.at));
            format!("{word} by {who} from {} with {} at {at}", it.ip, it.user_agent)
        }
    }
}

fn word(status: AttemptStatus) -> &'static str {
    match status {
        AttemptStatus::Signed => "signed, to be handed over",
        AttemptStatus::Broadcast => "handed over",
        AttemptStatus::InBlock => "in a block, not final yet",
        AttemptStatus::Final => "final",
        AttemptStatus::Reverted => "final, but undone: it paid nobody",
        AttemptStatus::Dead => "proven unable to confirm",
    }
}

/// Says what happens next.
pub(crate) fn next(view: &PayoutView) -> String {
    let batch = view.batch.as_ref();
    if let Some(hold) = batch.filter(|it| !it.closed).and_then(|it| it.hold.as_ref()) {
        return format!("waits: {}", hold.detail);
    }
    let look = batch.map(|it| format!(", looks again {}", moment(it.due_at))).unwrap_or_default();
    match &view.payout.state {
        PayoutState::AwaitingApproval => {
            let until = view.payout.approval.as_ref().map(|it| moment(it.until));
            let until = until.unwrap_or_default();
            format!("somebody must approve it until {until}, or it is withdrawn")
        }
        PayoutState::Queued if view.payout.travels_alone => {
            "gets a transaction of its own as soon as its wallet has room (in_flight_max)".to_owned()
        }
        PayoutState::Queued => {
            "joins a batch as soon as its wallet has room (in_flight_max), or waits a moment for company"
                .to_owned()
        }
        PayoutState::Sending { stage, .. } => match stage {
            Stage::Preparing => "a transaction is made and signed".to_owned(),
            Stage::Signed => format!("the signed transaction is handed to the network{look}"),
            Stage::Broadcast => format!("waits for a block, or is replaced{look}"),
            Stage::InBlock => format!("waits until the block is final{look}"),
        },
        PayoutState::Paid { .. } => "nothing: it is paid".to_owned(),
        PayoutState::Failed { failure, .. } => {
            format!("nothing: {}; the money was returned", failure.detail)
        }
        PayoutState::Cancelled => "nothing: it was withdrawn; the money was returned".to_owned(),
    }
}

/// Puts a refusal of an operator's own command into words.
pub(crate) fn refusal(refusal: &Refusal) -> String {
    if let Refusal::Destination(DestinationError::Address(why) | DestinationError::Memo(why)) =
        refusal
    {
        return why.clone();
    }
    let words = match refusal {
        Refusal::InsufficientFunds => "the merchant does not have what it costs",
        Refusal::RefReused => "the reference belongs to a payout that says something else",
        Refusal::NotCancellable => "it is being signed, is on its way or has ended",
        Refusal::MerchantPaused => "the merchant is paused; see `vyplata merchant resume`",
        Refusal::AssetUnavailable => {
            "no wallet pays this asset, its fee has no price, or `vyplata doctor` says why it is stopped"
        }
        Refusal::UnknownAsset | Refusal::UnknownNetwork => "there is no such asset",
        Refusal::AmountTooSmall { .. } => "the amount is too small",
        Refusal::AmountTooLarge { .. } => "the amount is too large",
        Refusal::Amount(_) => "the amount cannot be represented",
        Refusal::NotFound => "there is no such payout",
        Refusal::InsufficientForConversion { .. } => {
            "the merchant does not have what would be sold for it"
        }
        Refusal::NoWallet => "the merchant never had any of what it is paid from",
        Refusal::NotConvertible(why) | Refusal::TermsUnknown(why) | Refusal::NotSupported(why) => {
            why
        }
        Refusal::RateUnknown { .. } => "there is no price that can be relied on at the moment",
        Refusal::QuoteExpired => "the quote is too old",
        Refusal::NotAwaitingApproval => "it does not wait for an approval",
        Refusal::Unavailable(why) => why,
        // These are refusals of requests over HTTP, which an operator does not make.
        Refusal::Unauthenticated
        | Refusal::UnknownPath
        | Refusal::MethodNotAllowed
        | Refusal::UnsupportedMediaType
        | Refusal::BodyTooLarge
        | Refusal::Malformed { .. }
        | Refusal::MissingField { .. }
        | Refusal::InvalidField { .. }
        | Refusal::NonceMissing
        | Refusal::NonceReused
        | Refusal::RateLimited { .. }
        | Refusal::Destination(_) => "the command makes no sense",
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use domain::{
        batch::SignedTx,
        ids::{BatchId, LaneId, NetworkId, TxId},
    };

    use super::*;

    #[test]
    fn a_transaction_says_what_it_costs_and_whether_another_replaced_it() {
        let catalog = catalog::read(&[rail_bitcoin::CATALOG]).unwrap();
        let (network, lane) = (NetworkId::new("bitcoin"), LaneId::new("bitcoin/hot"));
        let mut batch = Batch::new(BatchId(1), network, lane, vec![], Timestamp(0));
        let attempt = |name: &str, coins: &[&str], status, fee: Option<u128>| Attempt {
            tx: SignedTx { txid: TxId::new(name), raw: vec![] },
            sequence: None,
            spends: coins.iter().map(|it| domain::ids::CoinId::new(it)).collect(),
            fee_max: Amount::from_units(1_500).unwrap(),
            status,
            signed_at: Timestamp(0),
            fee: fee.and_then(Amount::from_units),
            unpaid: vec![],
        };
        batch.attempts = vec![
            attempt("a", &["x"], AttemptStatus::Dead, None),
            attempt("b", &["y"], AttemptStatus::Broadcast, None),
            attempt("c", &["y", "z"], AttemptStatus::Final, Some(1_200)),
        ];
        assert_eq!(
            attempts(&catalog, &batch),
            [
                "a proven unable to confirm, fee at most 0.000015 BTC",
                "b handed over, replaced by the next, fee at most 0.000015 BTC",
                "c final, fee at most 0.000015 BTC, charged 0.000012 BTC",
            ]
        );
    }
}
