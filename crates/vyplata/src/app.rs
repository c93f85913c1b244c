//! The gateway's shared state: everything that requests and loops need, put together once.

use std::{
    collections::BTreeSet,
    sync::{Arc, RwLock, atomic::AtomicBool},
};

use anyhow::{Context as _, anyhow};
use dialects::{Caller, Context, Secret, Settings};
use domain::{
    Timestamp,
    accept::Desk,
    catalog::Catalog,
    ids::{NetworkId, PayoutId},
    merchant::ApiKey,
    ports::{Rail, Signer, Store, Unreachable},
    quote::PriceBook,
    rates::RateBook,
    reconcile::Comparison,
    station::Station,
};
use signer::Vault;
use tokio::sync::Notify;

use crate::{
    callers::Callers, clock, leases::Leases, metrics::Metrics, roles::Roles, rules::Rules,
};

/// The gateway.
pub(crate) struct App {
    /// Networks and assets.
    pub(crate) catalog: Arc<Catalog>,
    /// Durable state.
    pub(crate) store: Arc<dyn Store>,
    /// Opens and seals API secrets. `None` in commands that need none.
    pub(crate) vault: Option<Vault>,
    /// The lanes that are paid from, with their rails.
    pub(crate) lanes: Vec<LaneWork>,
    /// The keys. `None` in commands that sign nothing.
    pub(crate) signer: Option<Arc<dyn Signer>>,
    /// Our own addresses, which are never paid.
    pub(crate) own_addresses: BTreeSet<(NetworkId, String)>,
    /// The rail of each network.
    pub(crate) rails: Vec<Arc<dyn Rail>>,
    /// Tokens that were not what the catalog says at the start, each with what to do.
    pub(crate) odd_tokens: Vec<String>,
    /// Whether lanes pay although the chain holds less than the ledger says.
    pub(crate) pay_although_coins_are_missing: bool,
    /// What the operator has set in the dialects.
    pub(crate) settings: Settings,
    /// Terms, renewed by the price loop.
    pub(crate) book: RwLock<Arc<PriceBook>>,
    /// What currencies are worth, renewed by the loop of rates.
    pub(crate) rates: RwLock<RateBook>,
    /// Figures for the operator.
    pub(crate) metrics: Metrics,
    /// Rings when there may be something to deliver.
    pub(crate) deliveries_rang: Notify,
    /// What this process does, of all that a gateway does.
    pub(crate) roles: Roles,
    /// What this process works on, of all that share the database.
    pub(crate) leases: Leases,
    /// Credentials that were read a moment ago.
    pub(crate) callers: Callers,
}

/// One lane and the rail that carries it.
#[derive(Clone)]
pub(crate) struct LaneWork {
    /// The lane's name.
    pub(crate) lane: domain::ids::LaneId,
    /// Its network.
    pub(crate) network: NetworkId,
    /// The network's rail.
    pub(crate) rail: Arc<dyn Rail>,
    /// Whether it pays payouts.
    pub(crate) pays: bool,
    /// How it is brought coins for fees.
    pub(crate) station: Option<Station>,
    /// Rings when there may be something to pay.
    pub(crate) rang: Arc<Notify>,
    /// Whether the code failed in its loop last, or ended that: nothing is paid from it then.
    pub(crate) failed: Arc<AtomicBool>,
}

impl App {
    /// The terms as they are now.
    ///
    /// # Panics
    /// Never: the lock is held for a pointer copy only.
    pub(crate) fn book(&self) -> Arc<PriceBook> {
        self.book.read().expect("nobody panics while holding this lock").clone()
    }

    /// Puts new terms in place, with what currencies are worth now.
    ///
    /// # Panics
    /// Never: whoever holds the lock only copies.
    pub(crate) fn set_book(&self, mut book: PriceBook) {
        let mut place = self.book.write().expect("nobody panics while holding this lock");
        book.rates = self.rates();
        *place = Arc::new(book);
    }

    /// Puts what currencies are worth now beside the terms as they are.
    ///
    /// # Panics
    /// Never: whoever holds the lock only copies.
    pub(crate) fn renew_prices(&self) {
        let mut place = self.book.write().expect("nobody panics while holding this lock");
        *place = Arc::new(PriceBook { rates: self.rates(), ..PriceBook::clone(&place) });
    }

    /// What currencies are worth, as told so far.
    ///
    /// # Panics
    /// Never: whoever holds the lock only copies or takes in prices.
    pub(crate) fn rates(&self) -> RateBook {
        self.rates.read().expect("nobody panics while holding this lock").clone()
    }

    /// The desk that decisions are made at, over given terms.
    pub(crate) fn desk<'a>(&'a self, book: &'a PriceBook) -> Desk<'a> {
        Desk { catalog: &self.catalog, rules: &Rules, book, own_addresses: &self.own_addresses }
    }

    /// The facts of one request, over given terms.
    pub(crate) fn context<'a>(
        &'a self,
        book: &'a PriceBook,
        now: Timestamp,
        payout_id: PayoutId,
        random: &'a [u8; 64],
    ) -> Context<'a> {
        Context {
            catalog: &self.catalog,
            book,
            rules: &Rules,
            wallets: &self.own_addresses,
            settings: &self.settings,
            now,
            payout_id,
            random,
        }
    }

    /// Opens a sealed API secret.
    ///
    /// # Errors
    /// If it was sealed with another keystore or for another credential.
    pub(crate) fn unseal(&self, key: &ApiKey) -> anyhow::Result<Secret> {
        let id = key.id.to_string();
        let vault = self.vault.as_ref().context("this command opens no keystore")?;
        vault.open(&key.secret, &id).map_err(|error| anyhow!("{error}")).with_context(|| {
            format!("the secret of {id} does not open; was the keystore exchanged?")
        })
    }

    /// Compares what the chain says a lane holds with the ledger.
    ///
    /// # Errors
    /// If store or network did not answer.
    pub(crate) async fn compare(&self, work: &LaneWork) -> Result<Vec<Comparison>, Unreachable> {
        engine::reconcile(&self.catalog, &*self.store, &*work.rail, &work.lane).await
    }

    /// Finds the credentials that a request may have been made with.
    ///
    /// # Errors
    /// If the store did not answer.
    pub(crate) async fn callers(
        &self,
        dialect: &'static str,
        lookup: &str,
    ) -> Result<Arc<[Caller]>, Unreachable> {
        let name = (dialect, lookup.to_owned());
        if let Some(known) = self.callers.get(&name) {
            return Ok(known);
        }
        let asked_ms = clock::uptime_ms();
        let callers: Arc<[Caller]> = self.read_callers(dialect, lookup).await?.into();
        self.callers.put(name, asked_ms, &callers);
        Ok(callers)
    }

    async fn read_callers(&self, dialect: &str, lookup: &str) -> Result<Vec<Caller>, Unreachable> {
        let mut callers = vec![];
        for key in self.store.keys_by_lookup(dialect, lookup).await? {
            let Some(merchant) = self.store.merchant(key.merchant).await? else { continue };
            match self.unseal(&key) {
                Ok(secret) => callers.push(Caller { key, secret, merchant }),
                Err(error) => tracing::error!("{error:#}"),
            }
        }
        Ok(callers)
    }
}
