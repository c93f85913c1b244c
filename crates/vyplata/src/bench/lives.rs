//! Payouts that have ended long ago: one is really paid and told of, and one withdrawn, and as many
//! copies of what the store has of them then are written, each with names and moments of its own. So
//! they have all that payouts have, whatever that is.

use anyhow::{Context as _, anyhow, ensure};
use dialects::Webhook as Told;
use domain::{
    BoxFuture, Timestamp,
    batch::Batch,
    command::Command,
    delivery::{Delivery, Receipt},
    event::Event,
    ids::{AssetId, BatchId, DeliveryId, KeyId, LaneId, MerchantId, PayoutId, TxId},
    lane::Lane,
    ledger,
    payout::{Payout, PayoutState, Status, Webhook},
    ports::{
        ChangeSet, Claim, ClaimScope, CommitError, Courier, DeliveryView, PayoutKey, PayoutView,
        Unreachable,
    },
};
use engine::World;
use governor::clock::Clock as _;
use rail_sim::SimChain;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{figure::grouped, gateway::Plan, history::History, latency, prepare};
use crate::{
    app::{App, LaneWork},
    clock::{self, Uptime},
};

/// How many payouts are written in one commit: many, since their names are spread over all pages of the
/// indexes, and a page is written once for each commit that touches it.
const TOGETHER: usize = 20_000;
/// Within how many looks a payout is paid on a chain that is as fast as it is looked at.
const LOOKS_MAX: u64 = 1_000;
/// How far apart looks are, in milliseconds.
const LOOK_MS: u64 = 100;
/// What is put off further than this is put off for ever, in milliseconds.
const FOR_EVER_MS: u64 = 10 * 365 * 24 * 60 * 60 * 1_000;
/// Who is told of what became of payouts.
const RECEIVER: &str = "https://shop.example/webhooks/payouts";

/// Writes payouts that have ended.
///
/// # Errors
/// If one is not paid, or the store does not take them.
pub(super) async fn write(
    app: &App,
    chain: &SimChain,
    plan: &Plan,
    history: &History,
    merchants: &[(MerchantId, KeyId)],
) -> anyhow::Result<()> {
    let work = app.lanes.first().context("the network has a lane")?;
    let paid = live(app, chain, work, plan, merchants, false).await?;
    let withdrawn = live(app, chain, work, plan, merchants, true).await?;
    let network = app.catalog.network(work.network.as_str()).context("it is in the catalog")?;
    let mut copier = Copier {
        run: &plan.run,
        history,
        merchants,
        paid,
        withdrawn,
        fee_asset: network.fee_asset.clone(),
        lane: lane(app, &work.lane).await?,
    };
    let mut writing: Option<JoinHandle<Result<(), CommitError>>> = None;
    let (begun, mut told) = (Uptime.now(), 0);
    for first in (0..history.count).step_by(TOGETHER) {
        let change = copier.copies(first..history.count.min(first + TOGETHER))?;
        // The next ones are made while these are written.
        written(writing.take()).await?;
        let store = app.store.clone();
        writing = Some(tokio::spawn(async move { store.commit(change).await }));
        if first - told >= (history.count / 50).max(100_000) {
            told = first;
            let took_ms = latency::us(Uptime.now().saturating_sub(begun)) / 1_000;
            let (count, all) = (u64::try_from(first)?, u64::try_from(history.count)?);
            eprintln!(
                "{} of {} are written, {} per second",
                grouped(count),
                grouped(all),
                grouped(count.saturating_mul(1_000) / took_ms.max(1))
            );
        }
    }
    written(writing).await
}

async fn written(writing: Option<JoinHandle<Result<(), CommitError>>>) -> anyhow::Result<()> {
    let Some(writing) = writing else { return Ok(()) };
    writing.await?.map_err(|error| anyhow!("history could not be stored: {error:?}"))
}

async fn lane(app: &App, id: &LaneId) -> anyhow::Result<Lane> {
    let view = app.store.load_lane(id, 0).await.map_err(silent)?;
    Ok(view.context("the lane is stored")?.lane)
}

fn silent(_: Unreachable) -> anyhow::Error {
    anyhow!("the store does not answer")
}

/// Lets one payout live until there is nothing more to do about it; says all that is stored of it.
async fn live(
    app: &App,
    chain: &SimChain,
    work: &LaneWork,
    plan: &Plan,
    merchants: &[(MerchantId, KeyId)],
    is_withdrawn: bool,
) -> anyhow::Result<PayoutView> {
    let mut create = prepare::create(plan, merchants, 0, false)?;
    create.merchant_ref = Some(format!("{}-first-{is_withdrawn}", plan.run));
    let on = vec![Status::Paid, Status::Cancelled];
    create.webhook = Some(Webhook { url: RECEIVER.to_owned(), on });
    let (merchant, payout) = (create.merchant, create.id);
    prepare::decide(app, &[Command::Create(Box::new(create))]).await?;
    if is_withdrawn {
        prepare::decide(app, &[Command::Cancel { merchant, payout }]).await?;
    }
    let signer = app.signer.as_ref().context("the keys are there")?;
    let world = World {
        catalog: &app.catalog,
        store: &*app.store,
        rail: &*work.rail,
        signer: &**signer,
        fence: None,
    };
    let begun = clock::now();
    for look in 1..LOOKS_MAX {
        // The chain is as fast as it is looked at.
        let now = begun.plus_ms(look * LOOK_MS);
        let unwritten = |error| anyhow!("a payout does not get on: {error:?}");
        let mut draw = || BatchId(clock::uuid_v7(now));
        engine::group(&world, &work.lane, &mut draw, now).await.map_err(unwritten)?;
        for id in app.store.due_batches(&work.lane, now, 8).await.map_err(silent)? {
            engine::advance(&world, id, now).await.map_err(unwritten)?;
        }
        for due in app.store.due_deliveries(now, None, 8).await.map_err(silent)? {
            let receiver = Receiver { app };
            engine::deliver(&*app.store, &receiver, due.id, None, now).await.map_err(unwritten)?;
        }
        chain.mine();
        let found = app.store.find_payout(&PayoutKey::Id(payout)).await.map_err(silent)?;
        let view = found.context("it was accepted")?;
        let is_told = view.deliveries.iter().any(|it| it.due_at == Timestamp::NEVER);
        if view.payout.state.status().is_final() && is_told {
            return Ok(view);
        }
    }
    Err(anyhow!("the simulated chain does not pay"))
}

/// Takes every webhook.
struct Receiver<'a> {
    app: &'a App,
}

impl Courier for Receiver<'_> {
    fn deliver<'a>(
        &'a self,
        view: &'a DeliveryView,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Receipt, Unreachable>> {
        Box::pin(async move {
            let dialect = dialects::dialect(view.payout.dialect.as_str()).ok_or(Unreachable)?;
            let key = view.key.as_ref().ok_or(Unreachable)?;
            let secret = self.app.unseal(key).map_err(|_| Unreachable)?;
            let (book, random) = (self.app.book(), clock::random());
            let context = self.app.context(&book, now, view.payout.id, &random);
            let (payout, delivery) = (&view.payout, &view.delivery);
            let told = Told { payout, delivery, key, secret: &secret };
            Ok(Receipt {
                acknowledged: true,
                body: dialect.webhook(&told, &context).body,
                result: "HTTP 200".to_owned(),
                retry_after_ms: None,
                next_delay_ms: None,
            })
        })
    }
}

/// Makes copies.
struct Copier<'a> {
    run: &'a str,
    history: &'a History,
    merchants: &'a [(MerchantId, KeyId)],
    paid: PayoutView,
    withdrawn: PayoutView,
    fee_asset: AssetId,
    lane: Lane,
}

impl Copier<'_> {
    /// What writes the copies of these numbers.
    fn copies(&mut self, numbers: std::ops::Range<usize>) -> anyhow::Result<ChangeSet> {
        let mut change = ChangeSet::default();
        for number in numbers {
            let is_withdrawn = History::is_withdrawn(number, self.merchants.len());
            let life = if is_withdrawn { &self.withdrawn } else { &self.paid };
            let one = Copy::of(self, life, number);
            let payout = one.payout();
            let at = payout.created_at;
            let text = payout.merchant_ref.clone().unwrap_or_default();
            let claim = Claim { scope: ClaimScope::MerchantRef, owner: payout.merchant.0, text };
            change.claims.push((claim, Some(payout.id)));
            change.postings.extend(ledger::reserve(&payout, at));
            let ended = payout.updated_at;
            match &life.batch {
                Some(batch) => {
                    let fee = batch.attempts.iter().find_map(|it| it.fee);
                    let batch = one.batch(batch);
                    let fee = fee.context("the network charged for it")?;
                    let lane = &batch.lane;
                    change.postings.extend(ledger::settle(&payout, lane, ended));
                    let charged = ledger::network_charged(&batch, &self.fee_asset, fee, ended);
                    change.postings.extend(charged);
                    change.batches.push(batch);
                    self.lane.next_sequence += 1;
                }
                None => change.postings.extend(ledger::release(&payout, ended)),
            }
            change.events.extend(life.events.iter().map(|it| one.event(it)));
            change.deliveries.extend(life.deliveries.iter().map(|it| one.delivery(it)));
            ensure!(payout.state.status().is_final(), "copies are made of what has ended");
            change.payouts.push(payout);
        }
        self.lane.version += 1;
        change.lanes.push(self.lane.clone());
        Ok(change)
    }
}

/// One copy: what is called otherwise in it.
struct Copy<'a> {
    life: &'a PayoutView,
    id: PayoutId,
    public_id: String,
    merchant: (MerchantId, KeyId),
    merchant_ref: String,
    batch: BatchId,
    txid: [String; 2],
    back_ms: u64,
    sequence: u64,
}

impl<'a> Copy<'a> {
    fn of(copier: &Copier<'_>, life: &'a PayoutView, number: usize) -> Self {
        let hash: [u8; 32] = Sha256::digest(format!("{}-{number}", copier.run)).into();
        let mut random = [0; 16];
        random.copy_from_slice(&hash[..16]);
        let uuid = uuid::Builder::from_random_bytes(random).into_uuid();
        let old = life.batch.as_ref().and_then(|it| it.attempts.last());
        let old = old.map(|it| it.tx.txid.to_string());
        let at = copier.history.at(number);
        Self {
            life,
            id: copier.history.payout(number),
            public_id: Uuid::to_string(&uuid),
            merchant: copier.merchants[number % copier.merchants.len()],
            merchant_ref: format!("{}-{number}", copier.run),
            batch: copier.history.batch(number),
            txid: [old.unwrap_or_default(), hex::encode(hash)],
            back_ms: life.payout.created_at.since_ms(at),
            sequence: copier.lane.next_sequence,
        }
    }

    fn at(&self, at: Timestamp) -> Timestamp {
        let is_never = at.since_ms(self.life.payout.created_at) > FOR_EVER_MS;
        if is_never { at } else { Timestamp(at.0.saturating_sub(self.back_ms)) }
    }

    fn text(&self, text: &str) -> String {
        let [old, new] = &self.txid;
        let text = if old.is_empty() { text.to_owned() } else { text.replace(old, new) };
        let ours = &self.life.payout;
        text.replace(&ours.id.to_string(), &self.id.to_string())
            .replace(&ours.public_id, &self.public_id)
    }

    fn txid(&self, txid: &TxId) -> TxId {
        TxId::new(&self.text(txid.as_str()))
    }

    fn payout(&self) -> Payout {
        let ours = &self.life.payout;
        let state = match &ours.state {
            PayoutState::Paid { txid, at } => {
                PayoutState::Paid { txid: self.txid(txid), at: self.at(*at) }
            }
            state @ (PayoutState::AwaitingApproval
            | PayoutState::Queued
            | PayoutState::Sending { .. }
            | PayoutState::Failed { .. }
            | PayoutState::Cancelled) => state.clone(),
        };
        Payout {
            id: self.id,
            public_id: self.public_id.clone(),
            merchant: self.merchant.0,
            key: Some(self.merchant.1),
            merchant_ref: Some(self.merchant_ref.clone()),
            state,
            created_at: self.at(ours.created_at),
            updated_at: self.at(ours.updated_at),
            version: 1,
            ..ours.clone()
        }
    }

    fn batch(&self, batch: &Batch) -> Batch {
        let mut batch = batch.clone();
        for attempt in &mut batch.attempts {
            attempt.tx.txid = self.txid(&attempt.tx.txid);
            let raw = String::from_utf8_lossy(&attempt.tx.raw);
            attempt.tx.raw = self.text(&raw).into_bytes();
            attempt.sequence = attempt.sequence.map(|_| self.sequence);
            attempt.signed_at = self.at(attempt.signed_at);
        }
        Batch {
            id: self.batch,
            payouts: vec![self.id],
            due_at: self.at(batch.due_at),
            replace_at: self.at(batch.replace_at),
            created_at: self.at(batch.created_at),
            version: 1,
            ..batch
        }
    }

    fn event(&self, event: &Event) -> Event {
        let detail = self.text(&event.detail);
        Event { payout: self.id, at: self.at(event.at), kind: event.kind, detail }
    }

    fn delivery(&self, delivery: &Delivery) -> Delivery {
        let body = String::from_utf8_lossy(&delivery.body);
        Delivery {
            id: DeliveryId { payout: self.id, number: delivery.id.number },
            txid: delivery.txid.as_ref().map(|it| self.txid(it)),
            occurred_at: self.at(delivery.occurred_at),
            due_at: self.at(delivery.due_at),
            body: self.text(&body).into_bytes(),
            version: 1,
            ..delivery.clone()
        }
    }
}
