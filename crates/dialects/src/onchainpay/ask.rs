//! What each call asks.

use domain::{command::Refusal, ports::PayoutKey};
use serde::Serialize;

use super::{
    account::Prices,
    currencies, decode,
    endpoints::Route,
    from_address, history, sign, webhooks,
    wire::{Success, Withdrawal},
};
use crate::{Action, Caller, Context, Request, fields::Fields, http, identity, token};

/// A request that comes from a merchant.
pub(super) struct Asked<'a> {
    /// The dialect's name.
    pub(super) dialect: &'static str,
    /// The request.
    pub(super) request: &'a Request<'a>,
    /// What its body says.
    pub(super) fields: &'a Fields,
    /// Who asks.
    pub(super) caller: &'a Caller,
    /// What is known.
    pub(super) context: &'a Context<'a>,
}

impl Asked<'_> {
    /// Translates the call; beside the action, what its answer needs to be written.
    pub(super) fn action(&self, route: Route) -> Result<(Action, String), Refusal> {
        let Self { dialect, request, fields, caller, context } = *self;
        let nothing = String::new;
        let name = || caller.merchant.name.clone();
        let prices = || Prices { context, merchant: &caller.merchant.name };
        let absent = |why| Err(Refusal::NotSupported(why));
        Ok(match route {
            Route::Create => {
                let create = decode::create(dialect, request, fields, caller, context)?;
                (Action::Create(Box::new(create)), nothing())
            }
            Route::MakeWithdrawal => {
                let create = from_address::create(dialect, request, fields, caller, context)?;
                (Action::Create(Box::new(create)), nothing())
            }
            Route::FeeToken => {
                let priced = from_address::priced(dialect, fields, caller, context)?;
                let key = token::sealing_key(&caller.secret);
                (Action::Quote(Box::new(priced)), key.to_string())
            }
            Route::Approve => {
                let key = self.withdrawal("id")?;
                let verdict = decode::verdict(request, fields, caller, context)?;
                (Action::Judge(key, verdict), nothing())
            }
            Route::Get => (Action::Show(self.withdrawal("id")?), nothing()),
            Route::GetWithdrawal => (Action::Show(self.withdrawal("withdrawalId")?), nothing()),
            Route::FindTx => {
                let txid = decode::txid(fields)?;
                (Action::Show(PayoutKey::TxId(caller.merchant.id, txid)), nothing())
            }
            Route::History => match history::query(fields, context.catalog)? {
                Some(query) => (Action::List(query), nothing()),
                None => (answer(Vec::<Withdrawal<'_>>::new()), nothing()),
            },
            Route::AdvancedBalances | Route::AdvancedBalance | Route::Addresses => {
                (Action::Balances, name())
            }
            Route::Webhook | Route::WebhookVerbose => {
                let (key, number) = webhooks::parse_name(fields.required("webhookId")?)?;
                let is_verbose = route == Route::WebhookVerbose;
                let wanted = if is_verbose { fields.texts("fields")? } else { None };
                (Action::ShowDelivery(key, number), wanted.unwrap_or_default().join(" "))
            }
            Route::AvailableCurrencies => {
                (answer(currencies::available(fields, &prices())?), nothing())
            }
            Route::PriceRate => (answer(currencies::price_rate(fields, &prices())?), nothing()),
            Route::ValidateAddress => {
                (answer(currencies::check_address(fields, context)?), nothing())
            }
            Route::TestSignature => {
                let callers = std::slice::from_ref(caller);
                let check = sign::SignatureCheck::new(request, callers, dialect, context.now);
                (answer(check), nothing())
            }
            Route::Orders | Route::Deposits => {
                return absent("payments are not taken by this gateway");
            }
            Route::Exchanges => return absent("coins are exchanged only to be paid out"),
            Route::Recurrents => return absent("there are no subscriptions on this gateway"),
            Route::AddressKeeping => {
                return absent("addresses are kept by the operator of this gateway");
            }
            Route::Screening => return absent("nobody assesses addresses on this gateway"),
        })
    }

    /// The withdrawal that a field names.
    fn withdrawal(&self, field: &'static str) -> Result<PayoutKey, Refusal> {
        Ok(PayoutKey::PublicId(identity::public_id(self.fields.required(field)?)))
    }
}

/// An answer that the ledger has no part in.
fn answer(response: impl Serialize) -> Action {
    Action::Answer(Box::new(http::json(200, &Success::new(response))))
}
