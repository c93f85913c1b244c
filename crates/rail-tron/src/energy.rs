//! Where a transaction's energy comes from: what the wallet has, what can be rented, and coins.
//!
//! That is decided when a transaction is handed over, and not before: it is stored by then, so that
//! energy which is rented for it is never rented for something that does not happen. What is not
//! there in time is burnt, as the transaction's limit allows for: renting saves money, and nothing
//! depends on it.

pub mod tronsave;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{BoxFuture, catalog::Asset, ids::TxId, money::Amount, ports::Unreachable};

use crate::{
    abi,
    address::{Address, spelled},
    building::sun,
    node::{As, Call, Node},
    plan::{self, ENERGY_MARGIN_PERCENT, Need, Prices, Resources, Source},
    rail::Tron,
    tx::{Payment, Sent, Tx},
};

/// How many transactions are remembered by their energy.
const PROMISES_MAX: usize = 10_000;
/// How long a transaction waits for energy that was rented for it, in milliseconds of the chain.
const RENT_WAIT_MS: i64 = 20_000;
/// How long before its end a transaction waits for nothing any more, in milliseconds.
const RUSH_MS: i64 = 30_000;
/// Bandwidth of a payment, in bytes, for quotes: of coins, and of a token.
const QUOTE_BYTES: (u64, u64) = (270, 350);
/// An account that surely has nothing: the Keccak-256 hash of nothing, as far as it has room.
const NOBODY: Address =
    *b"A\xc5\xd2\x46\x01\x86\xf7\x23\x3c\x92\x7e\x7d\xb2\xdc\xc7\x03\xc0\xe5\x00\xb6\x53";

/// What energy is offered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// All of it, in sun.
    pub sun: u64,
    /// A unit, in sun.
    pub unit_sun: u64,
}

/// Energy that is to be lent to a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// The transaction that it is for: whoever asks for the same again means the same.
    pub txid: &'a TxId,
    /// The wallet, as `T…`.
    pub receiver: &'a str,
    /// How much.
    pub energy: u64,
    /// The most that a unit may cost, in sun.
    pub unit_sun_max: u64,
}

/// Somebody who rents energy. The account with him is filled by the operator.
pub trait Market: Send + Sync {
    /// Asks what so much energy for `receiver` is rented for, for as long as a payment takes; nothing
    /// if it is not to be had.
    fn offer<'a>(
        &'a self,
        receiver: &'a str,
        energy: u64,
    ) -> BoxFuture<'a, Result<Option<Offer>, Unreachable>>;
    /// Has energy lent.
    fn rent<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<(), Unreachable>>;
}

/// What energy was handed out for, and is not used yet.
#[derive(Default)]
pub(crate) struct Promises {
    open: Mutex<BTreeMap<TxId, Promise>>,
}

#[derive(Clone, Copy, Debug)]
struct Promise {
    owner: Address,
    energy: u64,
    /// When energy was rented for it, in milliseconds of the chain.
    rented_ms: Option<i64>,
}

impl Promises {
    fn open(&self) -> MutexGuard<'_, BTreeMap<TxId, Promise>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transaction has used its energy, or never will.
    pub(crate) fn forget(&self, txid: &TxId) {
        self.open().remove(txid);
    }

    /// How much is meant for other transactions of a wallet.
    fn for_others(&self, owner: &Address, txid: &TxId) -> u64 {
        let open = self.open();
        let others = open.iter().filter(|(id, it)| *id != txid && it.owner == *owner);
        others.fold(0, |sum, (_, it)| sum.saturating_add(it.energy))
    }

    fn rented_ms(&self, txid: &TxId) -> Option<i64> {
        self.open().get(txid).and_then(|it| it.rented_ms)
    }

    fn promise(&self, txid: &TxId, promise: Promise) {
        let mut open = self.open();
        while open.len() >= PROMISES_MAX {
            open.pop_first();
        }
        open.insert(txid.clone(), promise);
    }
}

impl Tron {
    /// Sees to it that a transaction has its energy, or that what is lacking is burnt.
    ///
    /// # Errors
    /// If energy was rented and is not there yet: the transaction is to be handed over later.
    pub(crate) async fn provide_energy(&self, sent: &Sent) -> Result<(), Unreachable> {
        let (Some(market), Payment::Token { .. }) = (&self.market, &sent.tx.payment) else {
            return Ok(());
        };
        let (owner, txid) = (&sent.tx.owner, &sent.txid);
        let (member, head) = self.nodes.current().await?;
        let prices = member.node.prices().await?;
        let need = need_of(&sent.tx, &prices);
        let mut resources = member.node.resources(owner).await?;
        resources.energy = resources.energy.saturating_sub(self.promises.for_others(owner, txid));
        let rented_ms = self.promises.rented_ms(txid);
        let promise = |rented_ms| {
            let promise = Promise { owner: *owner, energy: need.energy, rented_ms };
            self.promises.promise(txid, promise);
        };
        let is_patient = |since_ms| is_patient(&sent.tx, head.time_ms, since_ms);
        let energy = need.energy.saturating_sub(resources.energy);
        match rented_ms {
            Some(since_ms) if energy > 0 && is_patient(since_ms) => return Err(Unreachable),
            None if energy > 0 && is_patient(head.time_ms) => {}
            Some(_) | None => {
                promise(rented_ms);
                return Ok(());
            }
        }
        let receiver = spelled(owner);
        let offer = market.offer(&receiver, energy).await.ok().flatten();
        let planned = plan::plan(&need, &resources, &prices, |_| offer.map(|it| it.sun));
        let (Source::Rented { sun }, Some(offer)) = (planned.source, offer) else {
            promise(None);
            return Ok(());
        };
        // Remembered first: nobody knows what became of an order whose answer is lost.
        promise(Some(head.time_ms));
        let order = Order { txid, receiver: &receiver, energy, unit_sun_max: offer.unit_sun };
        if market.rent(order).await.is_err() {
            tracing::warn!(%txid, energy, "perhaps no energy is rented: it may have to be burnt");
        } else {
            tracing::info!(%txid, energy, sun, "energy is rented for a payment");
        }
        Err(Unreachable)
    }

    /// What one payment of an asset costs now, with nothing staked, to somebody who has none yet.
    pub(crate) async fn quote(&self, asset: &Asset) -> Result<Amount, Unreachable> {
        let (member, _) = self.nodes.current().await?;
        let prices = member.node.prices().await?;
        let (coins, token) = QUOTE_BYTES;
        let need = match self.contracts.get(&asset.id) {
            None => Need { bytes: coins, energy: 0, activates: false, has_memo: false },
            Some(contract) => {
                let energy = self.typical_energy(&member.node, contract).await?;
                Need { bytes: token, energy, activates: false, has_memo: false }
            }
        };
        let offered = match (&self.market, self.own.first()) {
            (Some(market), Some(wallet)) if need.energy > 0 => {
                market.offer(&spelled(wallet), need.energy).await.ok().flatten()
            }
            _ => None,
        };
        let plan = plan::plan(&need, &Resources::default(), &prices, |_| offered.map(|it| it.sun));
        // Nothing is paid that costs more: it waits.
        Ok(sun(plan.expected_sun.min(self.settings.fee_max_sun)))
    }

    /// How much energy a token's payment takes that makes its recipient a holder.
    async fn typical_energy(&self, node: &Node, token: &Address) -> Result<u64, Unreachable> {
        let one = Amount::from_units(1).unwrap_or_default();
        for wallet in &self.own {
            let call = node.call(As::Newest, wallet, token, &abi::transfer(&NOBODY, one)).await?;
            if let Call::Done { energy, .. } = call {
                return Ok(energy);
            }
        }
        Ok(self.settings.quote_energy)
    }
}

/// What a transaction was found to need when it was made.
fn need_of(tx: &Tx, prices: &Prices) -> Need {
    let limit = u64::try_from(tx.fee_limit_sun).unwrap_or(0);
    let allowed = limit / prices.energy_sun.max(1);
    let energy = u128::from(allowed) * 100 / u128::from(100 + ENERGY_MARGIN_PERCENT);
    Need {
        bytes: tx.bandwidth(),
        energy: u64::try_from(energy).unwrap_or(u64::MAX),
        activates: false,
        has_memo: !tx.memo.is_empty(),
    }
}

/// Whether a transaction has time to wait for energy that was rented at a moment of the chain.
fn is_patient(tx: &Tx, head_ms: i64, since_ms: i64) -> bool {
    let is_early = head_ms < tx.expires_ms.saturating_sub(RUSH_MS);
    is_early && head_ms < since_ms.saturating_add(RENT_WAIT_MS)
}
