//! What is asked, done: a call in neutral form becomes an outcome.

use dialects::{Action, Call, Dialect, Message, Outcome};
use domain::{
    command::{Accepted, Command, Refusal},
    event::{Event, EventKind},
    ids::{AssetId, MerchantId},
    ledger::LedgerAccount,
    money::Amount,
    payout::{Payout, PayoutState},
    ports::{PageQuery, PayoutKey, PayoutView, Unreachable},
};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
    task::block_in_place,
};

use crate::http::Api;

/// How many payouts may be asked for by name at once.
const SHOWN_MAX: usize = 100;
/// How many payouts a list may have before it counts as long.
const LONG_LIST: u32 = 1_000;
/// When to come back if too many ask for what takes long.
const COME_BACK_MS: u64 = 1_000;

impl Api {
    /// Does what a call asks, and writes the answer.
    ///
    /// # Errors
    /// Says why not.
    pub(crate) async fn run(&self, dialect: &dyn Dialect, call: &Call) -> Result<Answer, Refusal> {
        if let Some(nonce) = &call.nonce {
            self.acceptor.submit(Some(call.merchant), Command::UseNonce(nonce.clone())).await?;
        }
        if let Action::Answer(message) = &call.action {
            return Ok(Answer::Written(message.as_ref().clone()));
        }
        self.outcome(dialect, call).await.map(Answer::Outcome)
    }

    async fn outcome(&self, dialect: &dyn Dialect, call: &Call) -> Result<Outcome, Refusal> {
        let merchant = call.merchant;
        match &call.action {
            Action::Create(create) => self.command(merchant, Command::Create(create.clone())).await,
            Action::Quote(create) => self.command(merchant, Command::Quote(create.clone())).await,
            Action::Cancel(key) => {
                let payout = self.find(merchant, key).await?.payout.id;
                self.command(merchant, Command::Cancel { merchant, payout }).await
            }
            Action::Judge(key, verdict) => {
                let payout = self.find(merchant, key).await?.payout.id;
                let verdict = verdict.clone();
                self.command(merchant, Command::Judge { merchant, payout, verdict }).await
            }
            Action::Transfer { ticker, amount, direction } => {
                let (ticker, amount, direction) = (ticker.clone(), *amount, *direction);
                self.command(merchant, Command::Transfer { merchant, ticker, amount, direction })
                    .await
            }
            Action::Show(key) => {
                let view = self.find(merchant, key).await?;
                Ok(Outcome::Payout {
                    payout: Box::new(view.payout),
                    events: view.events,
                    available: view.available,
                    fresh: false,
                })
            }
            Action::ShowAll(keys) => self.show_all(merchant, keys).await,
            Action::List(query) => self.list(merchant, query).await,
            Action::Balances => self.balances(merchant).await,
            Action::ShowDelivery(key, number) => {
                let view = self.find(merchant, key).await?;
                let found = view.deliveries.into_iter().find(|it| it.id.number == *number);
                let delivery = found.ok_or(Refusal::NotFound)?;
                let key = match view.payout.key {
                    Some(id) => self.app.store.key(id).await.map_err(unreachable)?,
                    None => None,
                };
                let key = key.map(Box::new);
                Ok(Outcome::Delivery(Box::new(view.payout), Box::new(delivery), key))
            }
            Action::TestWebhook { about, url, message } => {
                if let Some(key) = about {
                    self.find(merchant, key).await?;
                }
                let _place = place(&self.tests)?;
                let (acknowledged, result) = self.courier.post(dialect, url, message).await;
                Ok(Outcome::Posted { acknowledged, result })
            }
            // It was answered already.
            Action::Answer(_) => Err(Refusal::UnknownPath),
        }
    }

    async fn command(&self, merchant: MerchantId, command: Command) -> Result<Outcome, Refusal> {
        let (payout, fresh, available) = match self.acceptor.submit(Some(merchant), command).await?
        {
            Accepted::Payout { payout, fresh, available } => (payout, fresh, available),
            Accepted::Quoted(quote, locked) => return Ok(Outcome::Quoted(quote, locked)),
            Accepted::Moved { available, personal } => {
                return Ok(Outcome::Moved { available, personal });
            }
            Accepted::NonceUsed => return Err(Refusal::NotFound),
        };
        let events = if fresh && payout.state == PayoutState::Queued && payout.approval.is_none() {
            vec![accepted_event(&payout)]
        } else {
            let key = PayoutKey::Id(payout.id);
            let view = self.app.store.find_payout(&key).await.map_err(unreachable)?;
            view.map(|it| it.events).unwrap_or_default()
        };
        Ok(Outcome::Payout { payout, events, available, fresh })
    }

    async fn find(&self, merchant: MerchantId, key: &PayoutKey) -> Result<PayoutView, Refusal> {
        let found = self.app.store.find_payout(key).await.map_err(unreachable)?;
        found.filter(|it| it.payout.merchant == merchant).ok_or(Refusal::NotFound)
    }

    async fn show_all(&self, merchant: MerchantId, keys: &[PayoutKey]) -> Result<Outcome, Refusal> {
        let mut page = vec![];
        for key in keys.iter().take(SHOWN_MAX) {
            match self.find(merchant, key).await {
                Ok(view) => page.push(view.payout),
                Err(Refusal::NotFound) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        let available = self.held(LedgerAccount::Available(merchant)).await?;
        Ok(Outcome::Payouts { page, more: keys.len() > SHOWN_MAX, available })
    }

    async fn list(&self, merchant: MerchantId, query: &PageQuery) -> Result<Outcome, Refusal> {
        let is_long = query.count_max > LONG_LIST;
        let _place = is_long.then(|| place(&self.long_lists)).transpose()?;
        let is_search = looks_through(query);
        let _place_to_search = is_search.then(|| place(&self.searches)).transpose()?;
        let count = usize::try_from(query.count_max).unwrap_or(usize::MAX);
        let query = PageQuery {
            merchant: Some(merchant),
            count_max: query.count_max.saturating_add(1),
            ..query.clone()
        };
        let page = self.app.store.page(&query);
        let page = if is_long || is_search {
            // A store in this process reads while it is polled, and others go on meanwhile.
            block_in_place(|| Handle::current().block_on(page))
        } else {
            page.await
        };
        let mut page = page.map_err(unreachable)?;
        let more = page.len() > count;
        if more && query.after.is_some() {
            // The newest of them is the one too many.
            page.remove(0);
        }
        page.truncate(count);
        let available = self.held(LedgerAccount::Available(merchant)).await?;
        Ok(Outcome::Payouts { page, more, available })
    }

    async fn balances(&self, merchant: MerchantId) -> Result<Outcome, Refusal> {
        Ok(Outcome::Balances {
            available: self.held(LedgerAccount::Available(merchant)).await?,
            personal: self.held(LedgerAccount::Personal(merchant)).await?,
        })
    }

    async fn held(&self, account: LedgerAccount) -> Result<Vec<(AssetId, Amount)>, Refusal> {
        self.app.store.held(&account).await.map_err(unreachable)
    }
}

/// Whether a list may take reading many payouts that are not in it: those that are left out at the
/// beginning, and those between the ones that match where no index has what it asks for.
fn looks_through(query: &PageQuery) -> bool {
    let no_index = query.network.is_some() || query.asset.is_some() || query.ticker.is_some();
    no_index || query.offset > LONG_LIST
}

/// Takes one of a few places for what takes long. Nobody waits for one: whoever waited would keep
/// others from being answered.
fn place(places: &Semaphore) -> Result<SemaphorePermit<'_>, Refusal> {
    let refused = Refusal::RateLimited { retry_after_ms: COME_BACK_MS };
    places.try_acquire().map_err(|_| refused)
}

/// What is answered to a call.
pub(crate) enum Answer {
    /// An outcome that the dialect writes.
    Outcome(Outcome),
    /// What the dialect has written already.
    Written(Message),
}

/// All that has happened to a payout that was just accepted.
fn accepted_event(payout: &Payout) -> Event {
    Event {
        payout: payout.id,
        at: payout.created_at,
        kind: EventKind::Accepted,
        detail: String::new(),
    }
}

pub(crate) fn unreachable(_: Unreachable) -> Refusal {
    Refusal::Unavailable("the ledger did not answer; ask again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_place() {
        let places = Semaphore::new(1);
        let taken = place(&places).unwrap();
        let refused = Refusal::RateLimited { retry_after_ms: COME_BACK_MS };
        assert_eq!(place(&places).map(drop), Err(refused));
        drop(taken);
        assert!(place(&places).is_ok());
    }
}
