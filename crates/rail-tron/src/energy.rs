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
    plan::{self, Need, Resources, Source},
    rail::Tron,
    tx::{Payment, Sent, Tx},
};

/// How many transactions are remembered by their energy.
const PROMISES_MAX: usize = 10_000;
/// After how many rents in a row that did not come nothing is rented for a while.
const VAIN_MAX: u32 = 3;
/// For how long, in milliseconds of the chain.
const VAIN_PAUSE_MS: i64 = 3_600_000;
/// How long a transaction waits for energy that was rented for it, in milliseconds of the chain.
const RENT_WAIT_MS: i64 = 20_000;
/// How long before its end a transaction waits for nothing any more, in milliseconds.
const RUSH_MS: i64 = 30_000;
/// Bandwidth of a payment, in bytes, for quotes: of coins, and of a token.
const QUOTE_BYTES: (u64, u64) = (270, 350);
/// An account that surely has nothing: the Keccak-256 hash of nothing, as far as it has room.
pub(crate) const NOBODY: Address =
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

/// How an order was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is filled, or will be.
    Yes,
    /// It is not.
    No,
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
    fn rent<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Taken, Unreachable>>;
}

/// What energy was rented for.
#[derive(Default)]
pub(crate) struct Promises {
    open: Mutex<BTreeMap<TxId, Promise>>,
    vain: Mutex<Vain>,
}

#[derive(Clone, Copy, Debug)]
struct Promise {
    owner: Address,
    /// How much is kept for it.
    energy: u64,
    /// Since when it is waited for, in milliseconds of the chain, if it still is.
    since_ms: Option<i64>,
}

/// Rents that did not come.
#[derive(Clone, Copy, Debug, Default)]
struct Vain {
    in_a_row: u32,
    /// Until when nothing is rented, in milliseconds of the chain.
    until_ms: i64,
}

impl Promises {
    fn open(&self) -> MutexGuard<'_, BTreeMap<TxId, Promise>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn vain(&self) -> MutexGuard<'_, Vain> {
        self.vain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transaction is with a node, which counts what it takes as used. That something was rented for
    /// it is remembered: nodes may forget it, and it is handed over again.
    pub(crate) fn used(&self, txid: &TxId) {
        if let Some(promise) = self.open().get_mut(txid) {
            (promise.energy, promise.since_ms) = (0, None);
        }
    }

    /// A transaction has ended.
    pub(crate) fn forget(&self, txid: &TxId) {
        self.open().remove(txid);
    }

    /// How much is meant for other transactions of a wallet.
    fn for_others(&self, owner: &Address, txid: &TxId) -> u64 {
        let open = self.open();
        let others = open.iter().filter(|(id, it)| *id != txid && it.owner == *owner);
        others.fold(0, |sum, (_, it)| sum.saturating_add(it.energy))
    }

    fn promise_of(&self, txid: &TxId) -> Option<Promise> {
        self.open().get(txid).copied()
    }

    fn promise(&self, txid: &TxId, promise: Promise) {
        let mut open = self.open();
        while open.len() >= PROMISES_MAX {
            open.pop_first();
        }
        open.insert(txid.clone(), promise);
    }

    fn came(&self) {
        *self.vain() = Vain::default();
    }

    fn did_not_come(&self, head_ms: i64) {
        let mut vain = self.vain();
        vain.in_a_row = vain.in_a_row.saturating_add(1);
        if vain.in_a_row >= VAIN_MAX {
            vain.until_ms = head_ms.saturating_add(VAIN_PAUSE_MS);
            let in_a_row = vain.in_a_row;
            tracing::error!(in_a_row, "energy that was rented did not come: none is rented now");
        }
    }

    fn may_rent(&self, head_ms: i64) -> bool {
        head_ms >= self.vain().until_ms
    }
}

impl Tron {
    /// Whether a transaction waits for energy that was rented for it. Nothing else keeps it: what it
    /// lacks is burnt.
    pub(crate) async fn waits_for_energy(&self, sent: &Sent) -> bool {
        let (Some(market), Payment::Token { .. }) = (&self.market, &sent.tx.payment) else {
            return false;
        };
        match self.provide_energy(&**market, sent).await {
            Ok(waits) => waits,
            Err(Unreachable) => {
                tracing::warn!(txid = %sent.txid, "nobody tells whether it lacks energy");
                false
            }
        }
    }

    async fn provide_energy(&self, market: &dyn Market, sent: &Sent) -> Result<bool, Unreachable> {
        let (owner, txid) = (&sent.tx.owner, &sent.txid);
        let (member, head) = self.nodes.current().await?;
        let need = self.energy_needed(&member.node, &sent.tx).await?;
        let mut resources = member.node.resources(owner).await?;
        resources.energy = resources.energy.saturating_sub(self.promises.for_others(owner, txid));
        let lacking = need.energy.saturating_sub(resources.energy);
        let is_patient = |since_ms| is_patient(&sent.tx, head.time_ms, since_ms);
        let before = self.promises.promise_of(txid);
        match before.and_then(|it| it.since_ms) {
            Some(_) if lacking == 0 => {
                self.promises.came();
                return Ok(false);
            }
            Some(since_ms) if is_patient(since_ms) => return Ok(true),
            Some(_) => {
                let energy = need.energy;
                self.promises.promise(txid, Promise { owner: *owner, energy, since_ms: None });
                self.promises.did_not_come(head.time_ms);
                return Ok(false);
            }
            None => {}
        }
        let is_in_time = is_patient(head.time_ms) && self.promises.may_rent(head.time_ms);
        if lacking == 0 || before.is_some() || !is_in_time {
            return Ok(false);
        }
        let prices = member.node.prices().await?;
        let receiver = spelled(owner);
        let offer = market.offer(&receiver, lacking).await?;
        let planned = plan::plan(&need, &resources, &prices, |_| offer.map(|it| it.sun));
        let (Source::Rented { sun }, Some(offer)) = (planned.source, offer) else {
            return Ok(false);
        };
        let energy = need.energy;
        let promise = |since_ms| Promise { owner: *owner, energy, since_ms };
        // Remembered first: nobody knows what became of an order whose answer is lost.
        self.promises.promise(txid, promise(Some(head.time_ms)));
        let unit_sun_max = offer.unit_sun;
        let order = Order { txid, receiver: &receiver, energy: lacking, unit_sun_max };
        match market.rent(order).await {
            Ok(Taken::Yes) => tracing::info!(%txid, lacking, sun, "energy is rented for a payment"),
            Ok(Taken::No) => {
                self.promises.promise(txid, promise(None));
                return Ok(false);
            }
            Err(Unreachable) => {
                tracing::warn!(%txid, lacking, "perhaps no energy is rented: it may be burnt");
            }
        }
        Ok(true)
    }

    /// What a payment that was made takes now.
    async fn energy_needed(&self, node: &Node, tx: &Tx) -> Result<Need, Unreachable> {
        let Payment::Token { contract, to, units } = &tx.payment else { return Err(Unreachable) };
        let data = abi::transfer(to, *units);
        let Call::Done { energy, .. } = node.call(As::Newest, &tx.owner, contract, &data).await?
        else {
            // It would be undone; nothing is rented for that.
            return Err(Unreachable);
        };
        let (bytes, has_memo) = (tx.bandwidth(), !tx.memo.is_empty());
        Ok(Need { bytes, energy, energy_max: energy, is_coins: false, activates: false, has_memo })
    }

    /// What an operator must know about rented energy.
    pub(crate) fn rent_alert(&self) -> Option<String> {
        let in_a_row = self.promises.vain().in_a_row;
        (in_a_row >= VAIN_MAX).then(|| {
            format!(
                "energy was rented {in_a_row} times on {} and did not come: look at the account \
                 with the market; coins are burnt meanwhile",
                self.network.id
            )
        })
    }

    /// What one payment of an asset costs now, with nothing staked, to somebody who has none yet.
    pub(crate) async fn quote(&self, asset: &Asset) -> Result<Amount, Unreachable> {
        let (member, head) = self.nodes.current().await?;
        let prices = member.node.prices().await?;
        let (coins, token) = QUOTE_BYTES;
        let need = match self.contracts.get(&asset.id) {
            None => Need {
                bytes: coins,
                energy: 0,
                energy_max: 0,
                is_coins: true,
                activates: false,
                has_memo: false,
            },
            Some(contract) => {
                let energy = self.typical_energy(&member.node, contract).await?;
                Need {
                    bytes: token,
                    energy,
                    energy_max: energy,
                    is_coins: false,
                    activates: false,
                    has_memo: false,
                }
            }
        };
        let offered = match (&self.market, self.own.first()) {
            (Some(market), Some(wallet))
                if need.energy > 0 && self.promises.may_rent(head.time_ms) =>
            {
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

/// Whether a transaction has time to wait for energy that was rented at a moment of the chain.
fn is_patient(tx: &Tx, head_ms: i64, since_ms: i64) -> bool {
    let is_early = head_ms < tx.expires_ms.saturating_sub(RUSH_MS);
    is_early && head_ms < since_ms.saturating_add(RENT_WAIT_MS)
}
