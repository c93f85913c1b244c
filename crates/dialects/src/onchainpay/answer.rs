//! The answer to each call.

use domain::{ids::AssetId, money::Amount};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    account::{AdvancedBalance, balance_id},
    addresses,
    endpoints::Route,
    from_address::{AddressWithdrawal, FeeToken},
    webhooks::{SentBody, WebhookBody},
    wire::{Found, Success, Withdrawal},
};
use crate::{Call, Context, Message, Outcome, http, shown::Shown};

/// What is wanted back when an answer is written.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    /// Which call it is.
    pub(super) route: Route,
    /// What else its answer needs: a key for tokens, the merchant's name, names of fields.
    pub(super) text: String,
}

impl Kept {
    /// As a note.
    pub(super) fn note(&self) -> String {
        serde_json::to_string(self).expect("it is plain data")
    }

    /// What stands in a call's note.
    pub(super) fn of(call: &Call) -> Option<Self> {
        serde_json::from_str(&call.note).ok()
    }
}

/// Writes what came of a call; `None` if that is nothing this call can come to.
pub(super) fn write(
    call: &Call,
    kept: &Kept,
    outcome: &Outcome,
    context: &Context<'_>,
) -> Option<Message> {
    match outcome {
        Outcome::Payout { payout, .. } => {
            let shown = Shown::now(payout, context.catalog);
            let route = kept.route;
            Some(if matches!(route, Route::MakeWithdrawal | Route::GetWithdrawal) {
                success(AddressWithdrawal::new(&shown))
            } else if route == Route::FindTx {
                success(Found::new(&shown, context))
            } else {
                success(Withdrawal::new(&shown, context))
            })
        }
        Outcome::Payouts { page, .. } => {
            let row = |payout| Withdrawal::new(&Shown::now(payout, context.catalog), context);
            Some(success(page.iter().map(row).collect::<Vec<_>>()))
        }
        Outcome::Balances { available, .. } => Some(balances(call, kept, available, context)),
        Outcome::Quoted(quote, locked) => {
            let key = Zeroizing::new(kept.text.clone());
            FeeToken::new(quote, locked, &key, context).map(success)
        }
        Outcome::Delivery(payout, delivery, key) => {
            if kept.route == Route::Webhook {
                return Some(success(SentBody::of(delivery)));
            }
            let fields: Vec<&str> = kept.text.split_whitespace().collect();
            let body = WebhookBody::new(payout, delivery, key.as_deref());
            Some(success(body.only(&fields)))
        }
        Outcome::Moved { .. } | Outcome::Posted { .. } => None,
    }
}

fn balances(
    call: &Call,
    kept: &Kept,
    available: &[(AssetId, Amount)],
    context: &Context<'_>,
) -> Message {
    let merchant = call.merchant;
    if kept.route == Route::Addresses {
        return success(addresses::list(&balance_id(merchant), available, context));
    }
    let balance = AdvancedBalance::new(merchant, &kept.text, available, context);
    if kept.route == Route::AdvancedBalance { success(balance) } else { success([balance]) }
}

fn success(response: impl Serialize) -> Message {
    http::json(200, &Success::new(response))
}
