//! The ports of a false world: each call may fail, be late, be answered from the past, or never
//! come back because the process has died.
//!
//! Every call waits before and after it takes effect. Others run there, or the process dies there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{
    BoxFuture, Timestamp,
    batch::{Attempt, Observation, SignedTx},
    catalog::Asset,
    delivery::Receipt,
    ids::{DeliveryId, PayoutId},
    lane::Lane,
    money::Amount,
    payout::Status,
    ports::{
        BuildError, Courier, DeliveryView, Draft, Handover, Holding, Intent, Payment, Rail,
        RailProfile, SignError, Signature, Signer, Unreachable, UnsignedTx,
    },
};
use rail_sim::{FORMAT, Payload, PayloadPayment, SimRail, Uses};
use sha2::{Digest, Sha256};

use crate::{
    executor::{pause, pause_for, pause_or_stall},
    faults::{Fault, Faults},
};

mod store;

pub use store::FaultyStore;

/// How long to wait after so many tries of a webhook; after the last it is given up.
pub(crate) const SCHEDULE_MS: [u64; 5] = [5_000, 60_000, 300_000, 1_800_000, 7_200_000];

/// A network seen through two nodes, one of which may lag behind.
pub struct FaultyRail {
    node: SimRail,
    behind: Mutex<SimRail>,
    faults: Arc<Faults>,
    late: Mutex<Vec<SignedTx>>,
}

impl FaultyRail {
    /// Looks at a network through nodes that can fail.
    pub fn new(node: SimRail, faults: Arc<Faults>) -> Self {
        let behind = Mutex::new(copy(&node));
        Self { node, behind, faults, late: Mutex::default() }
    }

    /// The node that always tells the truth.
    pub fn node(&self) -> &SimRail {
        &self.node
    }

    /// The node that lags catches up, and tells others what it was handed.
    pub fn catch_up(&self) {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        self.node.chain().hear(behind.chain());
        *behind = copy(&self.node);
    }

    /// Requests that were under way for long arrive.
    pub fn let_arrive(&self) {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        for tx in late {
            let _ = self.node.chain().submit(&tx.raw);
        }
    }

    fn choose(&self) -> SimRail {
        if self.faults.strikes(Fault::LaggingNode) {
            return self.behind.lock().unwrap_or_else(PoisonError::into_inner).clone();
        }
        self.node.clone()
    }

    async fn before(&self) -> Result<SimRail, Unreachable> {
        pause_or_stall(&self.faults).await;
        if self.faults.strikes(Fault::RailRequestLost) {
            return Err(Unreachable);
        }
        Ok(self.choose())
    }

    async fn after<T>(&self, answer: T) -> Result<T, Unreachable> {
        pause_or_stall(&self.faults).await;
        if self.faults.strikes(Fault::RailAnswerLost) { Err(Unreachable) } else { Ok(answer) }
    }
}

/// A node that sees what `node` sees now, for ever.
fn copy(node: &SimRail) -> SimRail {
    node.over(node.chain().snapshot())
}

impl Rail for FaultyRail {
    fn profile(&self) -> &RailProfile {
        self.node.profile()
    }

    fn quote_fee<'a>(&'a self, asset: &'a Asset) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        Box::pin(async move {
            let answer = self.before().await?.quote_fee(asset).await?;
            self.after(answer).await
        })
    }

    fn build<'a>(&'a self, draft: Draft<'a>) -> BoxFuture<'a, Result<UnsignedTx, BuildError>> {
        Box::pin(async move {
            let number = |it: &Attempt| (it.sequence, it.signed_at);
            let (first, last) = (draft.first.map(number), draft.replaces.map(number));
            let same_number = first.map(|it| it.0) == last.map(|it| it.0);
            assert!(same_number && first <= last, "{first:?} is not the first before {last:?}");
            let excludes = |it: &Attempt| draft.replaces.is_some_and(|last| it.excludes(last));
            assert!(draft.first.is_none_or(excludes), "the first is not excluded");
            let node = self.before().await.map_err(|_| BuildError::Unreachable)?;
            let answer = node.build(draft).await?;
            self.after(answer).await.map_err(|_| BuildError::Unreachable)
        })
    }

    fn finalize(&self, unsigned: &UnsignedTx, signature: &Signature) -> Result<SignedTx, String> {
        self.node.finalize(unsigned, signature)
    }

    fn broadcast<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<Handover, Unreachable>> {
        Box::pin(async move {
            let node = self.before().await?;
            if self.faults.strikes(Fault::RailRequestLate) {
                self.late.lock().unwrap_or_else(PoisonError::into_inner).push(tx.clone());
                return Err(Unreachable);
            }
            if self.faults.strikes(Fault::NotRelayed) {
                return self.after(Handover::Refused("the node is out of sorts".to_owned())).await;
            }
            if self.faults.strikes(Fault::RailRequestRepeated) {
                node.broadcast(tx).await?;
            }
            let answer = node.broadcast(tx).await?;
            self.after(answer).await
        })
    }

    fn observe<'a>(
        &'a self,
        lane: &'a Lane,
        attempts: &'a [Attempt],
        before: &'a [Attempt],
    ) -> BoxFuture<'a, Result<Vec<Observation>, Unreachable>> {
        Box::pin(async move {
            let answer = self.before().await?.observe(lane, attempts, before).await?;
            self.after(answer).await
        })
    }

    fn holdings<'a>(
        &'a self,
        lane: &'a Lane,
        assets: &'a [Asset],
    ) -> BoxFuture<'a, Result<Vec<Holding>, Unreachable>> {
        Box::pin(async move {
            let answer = self.before().await?.holdings(lane, assets).await?;
            self.after(answer).await
        })
    }
}

/// Signs what does exactly what it should, unless it is down or its policy forbids it.
pub struct FaultySigner(pub Arc<Faults>);

impl Signer for FaultySigner {
    fn sign<'a>(
        &'a self,
        lane: &'a Lane,
        unsigned: &'a UnsignedTx,
        intent: &'a Intent,
    ) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(async move {
            pause().await;
            if self.0.strikes(Fault::SignerDown) {
                return Err(SignError::Unreachable);
            }
            if self.0.strikes(Fault::SignerRefused) {
                return Err(SignError::Refused("policy".to_owned()));
            }
            if !does_exactly(lane, unsigned, intent) {
                self.0.violation(format!("asked to sign what {intent:?} does not say"));
                return Err(SignError::Refused("not what was intended".to_owned()));
            }
            let digest = Sha256::new().chain_update(b"key of ").chain_update(&unsigned.payload);
            let signature = Signature(digest.finalize().to_vec());
            pause_or_stall(&self.0).await;
            Ok(signature)
        })
    }
}

fn does_exactly(lane: &Lane, unsigned: &UnsignedTx, intent: &Intent) -> bool {
    let text = String::from_utf8(unsigned.payload.clone()).ok();
    let Some(payload) = text.and_then(|it| Payload::parse(&it)) else { return false };
    let payment = |it: &Payment| PayloadPayment {
        asset: it.asset.id.clone(),
        amount: it.amount,
        address: it.destination.address.clone(),
        memo: it.destination.memo.clone(),
    };
    let payments: Vec<PayloadPayment> = intent.payments.iter().map(payment).collect();
    unsigned.format == FORMAT
        && payload.network == intent.network.id
        && payload.lane == lane.id
        && Some(&payload.uses) == Uses::of(intent.sequence, &intent.spends).as_ref()
        && payload.fee_max == intent.fee_max
        && payload.payments == payments
}

/// What a receiver of webhooks has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The payout it was about.
    pub payout: PayoutId,
    /// The status it was told of.
    pub status: Status,
}

/// Brings webhooks to receivers that do not always listen.
pub struct FaultyCourier {
    faults: Arc<Faults>,
    heard: Mutex<BTreeMap<DeliveryId, Heard>>,
}

impl FaultyCourier {
    /// Nobody has heard anything yet.
    pub fn new(faults: Arc<Faults>) -> Self {
        Self { faults, heard: Mutex::default() }
    }

    /// What receivers have heard and acknowledged, whether or not the answer came back.
    pub fn heard(&self) -> MutexGuard<'_, BTreeMap<DeliveryId, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Courier for FaultyCourier {
    fn deliver<'a>(
        &'a self,
        view: &'a DeliveryView,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<Receipt, Unreachable>> {
        Box::pin(async move {
            pause_or_stall(&self.faults).await;
            if self.faults.strikes(Fault::CourierDown) {
                return Err(Unreachable);
            }
            let busy = self.faults.strikes(Fault::ReceiverBusy);
            let listens = !busy && !self.faults.strikes(Fault::ReceiverDown);
            if listens {
                let heard = Heard { payout: view.payout.id, status: view.delivery.status };
                self.heard().insert(view.delivery.id, heard);
            }
            if self.faults.strikes(Fault::AcknowledgementSlow) {
                pause_for(30).await;
            }
            pause().await;
            let acknowledged = listens && !self.faults.strikes(Fault::AcknowledgementLost);
            Ok(Receipt {
                acknowledged,
                body: format!("{} {:?}", view.payout.id, view.delivery.status).into_bytes(),
                result: if acknowledged { "200" } else { "503" }.to_owned(),
                retry_after_ms: busy.then_some(90_000),
                next_delay_ms: SCHEDULE_MS.get(usize::from(view.delivery.tries)).copied(),
            })
        })
    }
}
