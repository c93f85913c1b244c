//! A desk that pays on a real node: the engine, the signer and the rail as they are, a store in
//! memory, and a clock that is moved by hand.

mod network;
mod server;
mod wire;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use bitcoin::{OutPoint, ScriptBuf, Transaction};
use domain::{
    Timestamp,
    batch::{Attempt, Batch},
    catalog::{Asset, Catalog, Destination, Network},
    chore::Chore,
    command::{Asked, CreatePayout},
    ids::{BatchId, DialectId, MerchantId, PayoutId},
    ledger::{self, LedgerAccount},
    money::Amount,
    payout::{Payout, PayoutState, Priority, Status},
    ports::{ChangeSet, Hold, HoldReason, Rail, Store},
    quote::{FeeBearer, Quote},
    reconcile::Verdict,
};
use engine::{Progress, World};
use net::{Client, Guard, Reach};
use rail_bitcoin::{
    Bitcoin, Endpoint, Settings,
    chain::core::{Core, Links},
    lock::LaneKind,
    psbt::Sent,
};
use signer::{LocalSigner, Policy};
use sim::store::{Contents, MemoryStore};

pub(crate) use self::{
    network::{address_of, anybody, kinds},
    server::Server,
    wire::{Edit, edited},
};
use crate::{
    house::once,
    regtest::Regtest,
    wallet::{self, Wallet},
};

/// The name of the gateway's wallet in a node.
pub(crate) const WALLET: &str = "vyplata";
/// How often the clock may be moved until something must have happened.
const PASSES_MAX: usize = 80;

/// The node that a scene is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    pub(crate) network: &'static str,
    pub(crate) kind: LaneKind,
    /// Whether the node replaces what waits.
    pub(crate) replaces: bool,
}

/// Every kind of node and of lane that replaces what waits.
pub(crate) const REPLACING: [Stage; 4] = [
    Stage { network: "bitcoin", kind: LaneKind::P2wpkh, replaces: true },
    Stage { network: "bitcoin", kind: LaneKind::P2tr, replaces: true },
    Stage { network: "litecoin", kind: LaneKind::P2wpkh, replaces: true },
    Stage { network: "litecoin", kind: LaneKind::P2tr, replaces: true },
];

/// Litecoin as it is by default.
pub(crate) const NEVER_REPLACING: [Stage; 2] = [
    Stage { network: "litecoin", kind: LaneKind::P2wpkh, replaces: false },
    Stage { network: "litecoin", kind: LaneKind::P2tr, replaces: false },
];

impl Stage {
    /// The options of such a node.
    pub(crate) fn options(&self) -> Vec<&'static str> {
        let replaces = self.network == "litecoin" && self.replaces;
        replaces.then_some("-mempoolreplacement=1").into_iter().collect()
    }
}

/// The desk.
pub(crate) struct Desk {
    pub(crate) stage: Stage,
    pub(crate) node: Regtest,
    pub(crate) store: MemoryStore,
    pub(crate) rail: Bitcoin,
    pub(crate) wallet: Wallet,
    pub(crate) settings: Settings,
    pub(crate) network: Network,
    coin: Asset,
    catalog: Catalog,
    signer: LocalSigner,
    now: AtomicU64,
    drawn: AtomicU64,
}

/// How the rail of the desk is set. The node estimates nothing, so the default is what is offered.
pub(crate) fn settings() -> Settings {
    Settings {
        rate_default_sat_per_kvb: Some(5_000),
        batch_wait_ms: 500,
        poll_ms: 1_000,
        retry_ms: 1_000,
        replace_after_ms: 60_000,
        ..Settings::default()
    }
}

fn amount(sat: u64) -> Amount {
    Amount::from_units(u128::from(sat)).unwrap()
}

/// A node's endpoint.
pub(crate) fn endpoint(name: &str, url: &str, replaces: bool) -> Endpoint {
    let client = Client::new(Guard::new(Reach::Anywhere, &[]).unwrap()).unwrap();
    let links = Links::at(&client, url, &once(), WALLET).unwrap();
    let chain = Core::new(links, WALLET, replaces);
    Endpoint { name: name.to_owned(), chain: Box::new(chain) }
}

impl Desk {
    /// A desk whose lane has coins of these values; `None` if no tests with real nodes are wanted.
    pub(crate) async fn start(stage: Stage, name: &str, coins_sat: &[u64]) -> Option<Self> {
        let name = format!("{name}-{:?}-{}", stage.kind, stage.replaces);
        let node = Regtest::start_with(stage.network, &name, &stage.options())?;
        let wallet = Wallet::first(stage.network, stage.kind);
        let catalog = wallet::catalog();
        let mut network = catalog.network(stage.network).unwrap().clone();
        let genesis = node.ask("getblockhash", &serde_json::json!([0]));
        let genesis = genesis.as_str().unwrap().to_owned();
        network.parameters.insert("genesis".to_owned(), genesis);
        let coin = catalog.asset(network.fee_asset.as_str()).unwrap().clone();
        let endpoints = vec![endpoint("#1", &node.url(), stage.replaces)];
        let desk = Self {
            rail: Bitcoin::new(&network, [&coin], endpoints, settings()).unwrap(),
            catalog: Catalog::new(vec![network.clone()], vec![coin.clone()]).unwrap(),
            signer: LocalSigner::new(wallet::keystore(), Policy::default()),
            stage,
            node,
            store: MemoryStore::default(),
            wallet,
            settings: settings(),
            network,
            coin,
            now: AtomicU64::new(1_700_000_000_000),
            drawn: AtomicU64::new(0),
        };
        desk.open(coins_sat).await;
        Some(desk)
    }

    /// Stores the lane and what it holds.
    async fn open(&self, coins_sat: &[u64]) {
        let lanes = vec![self.wallet.lane.clone()];
        self.store.commit(ChangeSet { lanes, ..ChangeSet::default() }).await.unwrap();
        self.deposit(coins_sat).await;
        // It is final.
        self.node.mine(&nobody(), self.blocks_to_finality());
        // A wallet of its own is made and looks through the blocks there are.
        for _ in 0..PASSES_MAX {
            let assets = [self.coin.clone()];
            if Rail::holdings(&self.rail, &self.wallet.lane, &assets).await.is_ok() {
                return;
            }
        }
        panic!("the node's wallet is not ready");
    }

    /// Somebody brings the lane coins, which are in the newest block then, and booked.
    pub(crate) async fn deposit(&self, coins_sat: &[u64]) {
        if !coins_sat.is_empty() {
            self.bring(coins_sat);
            self.book(coins_sat.iter().sum()).await;
        }
    }

    /// Somebody brought the lane so much.
    pub(crate) async fn book(&self, sat: u64) {
        let (lane, asset) = (&self.wallet.lane.id, &self.coin.id);
        let owner = LedgerAccount::Available(MerchantId(1));
        let at = self.now();
        let postings = ledger::fund(lane, asset, owner, amount(sat), String::new(), at);
        self.store.commit(ChangeSet { postings, ..ChangeSet::default() }).await.unwrap();
    }

    /// Another process over the same store: all that the rail knew by heart is gone.
    pub(crate) fn restart(&mut self) {
        let endpoint = endpoint("#1", &self.node.url(), self.stage.replaces);
        self.connect(vec![endpoint]);
    }

    /// Another process with other settings.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.restart();
    }

    /// The same over other nodes.
    pub(crate) fn connect(&mut self, endpoints: Vec<Endpoint>) {
        let settings = self.settings.clone();
        let rail = Bitcoin::new(&self.network, [&self.coin], endpoints, settings).unwrap();
        self.rail = rail.never_paying([self.wallet.lane.address.as_str()]).unwrap();
    }

    /// After how many blocks a payment of little is final.
    pub(crate) fn blocks_to_finality(&self) -> u32 {
        self.network.parameters["finality_blocks"].parse().unwrap()
    }

    /// After how many blocks everything is.
    pub(crate) fn blocks_to_any_finality(&self) -> u32 {
        let large = self.network.parameters.get("finality_blocks_large");
        large.map_or(self.blocks_to_finality(), |it| it.parse().unwrap())
    }

    pub(crate) fn world(&self) -> World<'_> {
        let (catalog, store, rail, signer) = (&self.catalog, &self.store, &self.rail, &self.signer);
        World { catalog, store, rail, signer, fence: None }
    }

    fn draw(&self) -> u128 {
        u128::from(self.drawn.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }

    /// Lets the lane look after itself; says what it began.
    pub(crate) async fn tend(&self) -> Option<Chore> {
        let (id, lane) = (BatchId(self.draw()), self.wallet.lane.id.clone());
        engine::tend(&self.world(), &lane, true, id, self.now()).await.unwrap()
    }

    /// Puts what waits into batches.
    pub(crate) async fn group(&self) {
        let ids: Vec<BatchId> = (0..64).map(|_| BatchId(self.draw())).collect();
        let mut ids = ids.into_iter();
        let mut draw = move || ids.next().unwrap();
        let (world, lane) = (self.world(), &self.wallet.lane.id);
        engine::group(&world, lane, &mut draw, self.now()).await.unwrap();
    }

    /// Takes one step of a batch.
    pub(crate) async fn step(&self, id: BatchId) -> Progress {
        engine::advance(&self.world(), id, self.now()).await.unwrap()
    }

    /// Does all there is to do at this moment.
    pub(crate) async fn turn(&self) {
        for _ in 0..PASSES_MAX {
            self.group().await;
            let (lane, now) = (self.wallet.lane.id.clone(), self.now());
            let due = self.store.look(|it| it.due_batches(&lane, now, 1_000));
            if due.is_empty() {
                return;
            }
            for id in due {
                for _ in 0..PASSES_MAX {
                    if self.step(id).await != Progress::Advanced {
                        break;
                    }
                }
            }
        }
        panic!("it does not come to rest: {}", self.report());
    }

    /// Does all there is to do, makes a block, and lets the time of one look pass.
    pub(crate) async fn pass(&self) {
        self.turn().await;
        self.node.mine(&nobody(), 1);
        self.wait(self.settings.poll_ms);
        self.turn().await;
    }

    /// Lets the time of one look pass, without a block.
    pub(crate) async fn look_again(&self) {
        self.wait(self.settings.poll_ms);
        self.turn().await;
    }

    /// Goes on, the lane being looked after, until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Contents) -> bool) {
        for _ in 0..PASSES_MAX {
            if self.store.look(&is_so) {
                return;
            }
            self.tend().await;
            self.pass().await;
        }
        panic!("never {what}: {}", self.report());
    }

    /// Goes on until these have ended, and nothing is on its way; then the books agree with the
    /// chain.
    pub(crate) async fn end(&self, payouts: &[PayoutId]) {
        self.until("ended", |it| {
            let is_idle = |it: &Batch| it.closed || it.attempts.is_empty();
            payouts.iter().all(|id| status_in(it, *id).is_final())
                && it.batches.values().all(is_idle)
        })
        .await;
        self.audit();
    }

    /// What has not ended, and what happened last.
    pub(crate) fn report(&self) -> String {
        let tried = |it: &Attempt| format!("{:?} {} {:?}", it.status, it.tx.txid, it.spends);
        let line = |it: &Batch| {
            let (chore, hold) = (it.chore.as_ref().map(Chore::title), &it.hold);
            let tries: Vec<String> = it.attempts.iter().map(tried).collect();
            format!("{} {chore:?} {} payouts {hold:?} {tries:?}", it.id, it.payouts.len())
        };
        self.store.look(|it| {
            let open = it.batches.values().filter(|it| !it.closed).map(line);
            let last = it.events.iter().rev().take(40);
            let last = last.map(|it| format!("{} {:?} {}", it.payout, it.kind, it.detail));
            open.chain(last).collect::<Vec<_>>().join("\n")
        })
    }

    // --- What is paid -----------------------------------------------------------------------

    /// A merchant wants this paid.
    pub(crate) async fn ask(&self, recipient: &str, sat: u64) -> PayoutId {
        self.ask_at(recipient, sat, Priority::Recommended).await
    }

    /// The same with a priority.
    pub(crate) async fn ask_at(&self, recipient: &str, sat: u64, priority: Priority) -> PayoutId {
        let id = PayoutId(self.draw());
        let now = self.now();
        let payout = Payout {
            public_id: id.to_string(),
            created_at: now,
            updated_at: now,
            priority,
            ..self.payout_of(id, recipient, sat)
        };
        let postings = ledger::reserve(&payout, now);
        let change = ChangeSet { payouts: vec![payout], postings, ..ChangeSet::default() };
        self.store.commit(change).await.unwrap();
        id
    }

    fn payout_of(&self, id: PayoutId, recipient: &str, sat: u64) -> Payout {
        let quote = Quote {
            asked: amount(sat),
            bearer: FeeBearer::Merchant,
            amount: amount(sat),
            service_fee: Amount::ZERO,
            network_fee: Amount::ZERO,
            usd: None,
            worth: None,
            conversions: vec![],
        };
        let (dialect, asked) = (DialectId::new("native"), Asked::Exact(amount(sat)));
        let destination = Destination { address: recipient.to_owned(), memo: None };
        let asset = self.coin.id.clone();
        let address = recipient.to_owned();
        let create = CreatePayout::new(id, MerchantId(1), dialect, asset, asked, address);
        Payout::new(&create, self.network.id.clone(), destination, quote, Timestamp::NEVER)
    }

    /// So many payouts to so many recipients of all kinds. Each is of another amount.
    pub(crate) async fn ask_many(&self, name: &str, count: u64) -> Vec<PayoutId> {
        let mut ids = vec![];
        for number in 0..count {
            ids.push(self.ask(&self.friend(name, number), 20_000 + number).await);
        }
        ids
    }

    /// Somebody's address, of another kind for each number.
    pub(crate) fn friend(&self, name: &str, number: u64) -> String {
        address_of(&self.network, &kinds(name, number))
    }

    pub(crate) fn status(&self, id: PayoutId) -> Status {
        self.store.look(|it| status_in(it, id))
    }

    #[track_caller]
    pub(crate) fn are(&self, ids: &[PayoutId], expected: Status) {
        for id in ids {
            let state = self.payout(*id).state;
            assert_eq!(self.status(*id), expected, "{id}: {state:?}\n{}", self.report());
        }
    }

    pub(crate) fn payout(&self, id: PayoutId) -> Payout {
        self.store.look(|it| it.payouts[&id].clone())
    }

    /// The transactions that paid, each once.
    pub(crate) fn txids(&self, ids: &[PayoutId]) -> Vec<String> {
        let txid = |id: &PayoutId| {
            let PayoutState::Paid { txid, .. } = self.payout(*id).state else {
                panic!("{:?}", self.payout(*id).state)
            };
            txid.to_string()
        };
        let mut txids: Vec<String> = ids.iter().map(txid).collect();
        txids.sort();
        txids.dedup();
        txids
    }

    /// Why a payout failed.
    #[track_caller]
    pub(crate) fn failure(&self, id: PayoutId) -> String {
        let PayoutState::Failed { failure, .. } = self.payout(id).state else {
            panic!("{:?}\n{}", self.payout(id).state, self.report())
        };
        failure.detail
    }

    /// The batch that carried a payout last, whether it has ended or not.
    #[track_caller]
    pub(crate) fn batch_of(&self, id: PayoutId) -> Batch {
        self.store.look(|it| {
            let mut batches = it.batches.values().filter(|it| it.payouts.contains(&id));
            batches.next_back().unwrap().clone()
        })
    }

    /// Why a payout waits.
    pub(crate) fn hold_of(&self, id: PayoutId) -> Option<HoldReason> {
        let is_in_batch = matches!(self.payout(id).state, PayoutState::Sending { .. });
        is_in_batch.then(|| self.batch_of(id).hold).flatten().map(|it| it.reason)
    }

    /// The newest transaction with which these are on their way.
    #[track_caller]
    pub(crate) fn newest_of(&self, ids: &[PayoutId]) -> Attempt {
        let batch = self.batch_of(ids[0]);
        for id in ids {
            assert_eq!(self.batch_of(*id).id, batch.id);
        }
        batch.attempts.last().unwrap_or_else(|| panic!("{}", self.report())).clone()
    }

    /// Everything that the lane began for itself.
    pub(crate) fn chores(&self) -> Vec<Chore> {
        self.store.look(|it| it.batches.values().filter_map(|it| it.chore.clone()).collect())
    }

    // --- What is so -------------------------------------------------------------------------

    /// Everybody has got what their paid payouts say and nothing else, and the lane holds what the
    /// ledger says.
    pub(crate) fn audit(&self) {
        let payouts: Vec<Payout> = self.store.look(|it| it.payouts.values().cloned().collect());
        let mut owed: BTreeMap<String, u64> = BTreeMap::new();
        for payout in &payouts {
            let Ok(script) = self.script_of(payout) else { continue };
            let is_paid = payout.state.status() == Status::Paid;
            let sat = if is_paid { payout.quote.amount.units() } else { 0 };
            *owed.entry(script.to_hex_string()).or_default() += u64::try_from(sat).unwrap();
        }
        let lane = self.wallet.script.to_hex_string();
        owed.remove(&lane);
        let scripts: Vec<&str> = owed.keys().map(String::as_str).chain([lane.as_str()]).collect();
        let got = self.held_by(&scripts);
        for (script, sat) in &owed {
            let found = got.get(script).copied().unwrap_or_default();
            assert_eq!(found, *sat, "{script} has got {found}, not {sat}\n{}", self.report());
        }
        let account = LedgerAccount::HotWallet(self.wallet.lane.id.clone());
        let line = (account, self.coin.id.clone());
        let booked = self.store.look(|it| -it.balances[&line]);
        let held = got.get(&lane).copied().unwrap_or_default();
        assert_eq!(i128::from(held), booked, "{}", self.report());
    }

    fn script_of(&self, payout: &Payout) -> Result<ScriptBuf, String> {
        rail_bitcoin::lock::script(&self.network, &payout.destination.address)
    }

    /// Why the lane is to sign nothing new because somebody else spends its coins.
    pub(crate) async fn stranger(&self) -> Option<Hold> {
        let lane = &self.wallet.lane.id;
        engine::key_used_elsewhere(&self.store, &self.rail, lane).await.unwrap()
    }

    /// Whether the rail says that the chain has what the ledger says.
    pub(crate) async fn reconcile(&self) -> Verdict {
        let (store, rail) = (&self.store, &self.rail);
        let lane = &self.wallet.lane.id;
        for _ in 0..3 {
            // A node that was started again is asked in vain once.
            let compared = engine::reconcile(&self.catalog, store, rail, lane).await;
            let Ok(compared) = compared else { continue };
            let [one] = &compared[..] else { panic!("{compared:?}") };
            return one.verdict();
        }
        panic!("the node does not answer");
    }
}

/// Whoever makes blocks.
pub(crate) fn nobody() -> ScriptBuf {
    ScriptBuf::from(vec![0x51])
}

/// A transaction as it was stored.
pub(crate) fn read(attempt: &Attempt) -> Transaction {
    Sent::read(&attempt.tx.raw).unwrap().tx
}

/// What a transaction spends.
pub(crate) fn spends(tx: &Transaction) -> Vec<OutPoint> {
    tx.input.iter().map(|it| it.previous_output).collect()
}

pub(crate) fn status_in(contents: &Contents, id: PayoutId) -> Status {
    contents.payouts[&id].state.status()
}
