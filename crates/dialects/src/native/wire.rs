//! What our own API writes: payouts, pages, balances and webhooks.

use std::collections::BTreeMap;

use domain::{
    catalog::Catalog,
    event::Event,
    ids::AssetId,
    money::{Amount, Decimal},
    payout::{Approval, FailureCode, Payout},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::figures::Figures;
use crate::shown::{Shown, rfc3339};

/// A payout.
#[derive(Serialize, JsonSchema)]
pub(super) struct PayoutBody<'a> {
    id: String,
    public_id: &'a str,
    #[schemars(extend("enum" = STATUSES))]
    status: &'static str,
    asset: &'a str,
    network: &'a str,
    asset_id: &'a str,
    #[serde(flatten)]
    figures: Figures<'a>,
    address: &'a str,
    memo: Option<&'a str>,
    merchant_ref: Option<&'a str>,
    txid: Option<&'a str>,
    explorer_url: Option<String>,
    failure: Option<FailureBody<'a>>,
    approval: Option<ApprovalBody<'a>>,
    webhook_url: Option<&'a str>,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<EventBody<'a>>>,
}

#[derive(Serialize, JsonSchema)]
struct FailureBody<'a> {
    code: &'static str,
    message: &'a str,
}

/// What must approve a payout first, and what was answered.
#[derive(Serialize, JsonSchema)]
struct ApprovalBody<'a> {
    url: Option<&'a str>,
    until: String,
    verdict: Option<VerdictBody<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct VerdictBody<'a> {
    approved: bool,
    key: Option<String>,
    ip: &'a str,
    user_agent: &'a str,
    at: String,
}

impl<'a> ApprovalBody<'a> {
    fn new(approval: &'a Approval) -> Self {
        let verdict = approval.verdict.as_ref().map(|it| VerdictBody {
            approved: it.approve,
            key: it.key.map(|key| key.to_string()),
            ip: &it.ip,
            user_agent: &it.user_agent,
            at: rfc3339(it.at),
        });
        Self { url: approval.url.as_deref(), until: rfc3339(approval.until), verdict }
    }
}

#[derive(Serialize, JsonSchema)]
struct EventBody<'a> {
    at: String,
    event: &'static str,
    detail: &'a str,
}

impl<'a> PayoutBody<'a> {
    /// Writes a payout; its timeline only where it was asked for.
    pub(super) fn new(shown: &Shown<'a>, catalog: &Catalog, events: Option<&'a [Event]>) -> Self {
        let Shown { payout, asset, .. } = *shown;
        let explorer_url = &catalog.network_of(asset).explorer_url;
        Self {
            id: payout.id.to_string(),
            public_id: &payout.public_id,
            status: shown.status.word(),
            asset: &asset.ticker,
            network: asset.network.as_str(),
            asset_id: asset.id.as_str(),
            figures: Figures::new(&payout.quote, asset, payout.priority, catalog),
            address: &payout.destination.address,
            memo: payout.destination.memo.as_deref(),
            merchant_ref: payout.merchant_ref.as_deref(),
            txid: shown.txid,
            explorer_url: shown.txid.map(|it| explorer_url.replace("{txid}", it)),
            failure: shown.failure().map(|it| FailureBody {
                code: match it.code {
                    FailureCode::RefusedByNetwork => "refused_by_network",
                    FailureCode::RefusedBySigner => "refused_by_signer",
                },
                message: &it.detail,
            }),
            approval: payout.approval.as_ref().map(ApprovalBody::new),
            webhook_url: payout.webhook.as_ref().map(|it| it.url.as_str()),
            created_at: rfc3339(payout.created_at),
            updated_at: rfc3339(shown.updated_at),
            timeline: events.map(|it| it.iter().map(event).collect()),
        }
    }
}

fn event(event: &Event) -> EventBody<'_> {
    EventBody { at: rfc3339(event.at), event: event.kind.word(), detail: &event.detail }
}

/// The words of statuses.
pub(super) const STATUSES: [&str; 7] =
    ["awaiting_approval", "queued", "sending", "in_block", "paid", "failed", "cancelled"];

/// A page of payouts, newest first.
#[derive(Serialize, JsonSchema)]
pub(super) struct PageBody<'a> {
    payouts: Vec<PayoutBody<'a>>,
    has_more: bool,
    /// What to ask for older ones with.
    next_before: Option<String>,
    /// What to ask for newer ones with, if those after a payout were asked for.
    next_after: Option<String>,
}

impl<'a> PageBody<'a> {
    /// Writes a page; whether there is more of it is about newer ones if those after a payout were
    /// asked for.
    pub(super) fn new(
        page: &'a [Payout],
        more: bool,
        is_after: bool,
        catalog: &'a Catalog,
    ) -> Self {
        let body = |it| PayoutBody::new(&Shown::now(it, catalog), catalog, None);
        let (oldest, newest) = (page.last(), page.first());
        Self {
            payouts: page.iter().map(body).collect(),
            has_more: more,
            next_before: oldest.filter(|_| more && !is_after).map(|it| it.id.to_string()),
            next_after: newest.filter(|_| more && is_after).map(|it| it.id.to_string()),
        }
    }
}

/// What can be spent, and what is set apart from payouts.
#[derive(Serialize, JsonSchema)]
pub(super) struct BalancesBody<'a> {
    balances: Vec<BalanceBody<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct BalanceBody<'a> {
    asset: &'a str,
    network: &'a str,
    asset_id: &'a str,
    available: String,
    personal: String,
}

impl<'a> BalancesBody<'a> {
    /// Writes balances of assets of the catalog.
    pub(super) fn new(
        available: &[(AssetId, Amount)],
        personal: &[(AssetId, Amount)],
        catalog: &'a Catalog,
    ) -> Self {
        let mut held: BTreeMap<&AssetId, [Amount; 2]> = BTreeMap::new();
        for (which, list) in [available, personal].into_iter().enumerate() {
            for (id, amount) in list {
                held.entry(id).or_default()[which] = *amount;
            }
        }
        let row = |(id, [available, personal]): (&AssetId, [Amount; 2])| {
            let asset = catalog.asset(id.as_str())?;
            Some(BalanceBody {
                asset: &asset.ticker,
                network: asset.network.as_str(),
                asset_id: asset.id.as_str(),
                available: asset.text(available),
                personal: asset.text(personal),
            })
        };
        Self { balances: held.into_iter().filter_map(row).collect() }
    }
}

/// What a merchant has of a coin after a transfer, on all networks.
#[derive(Serialize, JsonSchema)]
pub(super) struct TransferBody<'a> {
    asset: &'a str,
    available: String,
    personal: String,
}

impl<'a> TransferBody<'a> {
    /// Writes what there is now.
    pub(super) fn new(ticker: &'a str, available: Decimal, personal: Decimal) -> Self {
        let (available, personal) = (available.to_string(), personal.to_string());
        Self { asset: ticker, available, personal }
    }
}

/// A webhook.
#[derive(Serialize, JsonSchema)]
pub(super) struct WebhookBody<'a> {
    /// `payout.` and the status.
    pub(super) r#type: String,
    /// The delivery's identifier: the same for every try.
    pub(super) id: String,
    /// The payout, as it was when it reached the status.
    pub(super) payout: PayoutBody<'a>,
}

#[cfg(test)]
mod tests {
    use domain::payout::Status;

    use super::*;

    #[test]
    fn all_statuses_are_listed() {
        assert_eq!(Status::ALL.map(Status::word), STATUSES);
    }
}
