//! A house that pays on a real node: the engine, the signer and the rail as they are, a store in
//! memory, and a clock that is moved by hand.

mod network;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use alloy_primitives::Address;
use domain::{
    Timestamp,
    batch::{Attempt, Batch},
    catalog::{Asset, Catalog},
    chore::Chore,
    event::EventKind,
    ids::{AssetId, BatchId, LaneId, MerchantId, PayoutId},
    lane::Lane,
    ledger::{self, Cause, LedgerAccount},
    money::Amount,
    payout::{Payout, PayoutState, Status},
    ports::{ChangeSet, HoldReason, Store},
    station::Station,
};
use engine::{Progress, Refueled, World};
use rail_evm::{Evm, Settings, pay_call::Method};
use serde_json::{Value, json};
use signer::{Keystore, LocalSigner, Policy};
use sim::store::{Contents, MemoryStore};

use crate::{
    anvil::{Anvil, program},
    bulk::somebody,
    scene::{self, LANE, RECIPIENT, coin},
};

/// The mnemonic of the accounts that test nodes give money to.
pub(crate) const MNEMONIC: &str = "test test test test test test test test test test test junk";
/// The lane that brings coins to the other: the second of those accounts.
pub(crate) const STATION: &str = RECIPIENT;
/// Whoever does things to the network that are not the house's doing: the third.
const OUTSIDER: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
/// What each lane holds of the token in the beginning.
const TOKENS: u128 = 1_000_000_000_000;
/// How often the clock may be moved until something must have happened.
const PASSES_MAX: usize = 60;

/// The house.
pub(crate) struct House {
    pub(crate) anvil: Anvil,
    pub(crate) store: MemoryStore,
    pub(crate) rail: Evm,
    /// The token's row.
    pub(crate) token: Asset,
    catalog: Catalog,
    signer: LocalSigner,
    pub(crate) settings: Settings,
    now: Cell<Timestamp>,
    drawn: Cell<u128>,
    /// What recipients held before they were paid anything.
    before: RefCell<BTreeMap<(AssetId, String), u128>>,
}

/// The lane that pays.
pub(crate) fn hot() -> LaneId {
    LaneId::new("testnet/hot")
}

/// The lane that brings it coins.
pub(crate) fn station() -> LaneId {
    LaneId::new("testnet/station")
}

/// How the rail of the house is set.
pub(crate) fn settings(batching: Option<Method>) -> Settings {
    Settings {
        batching,
        batch_wait_ms: 500,
        poll_ms: 1_000,
        retry_ms: 1_000,
        replacement_budget_percent: 10_000,
        ..Settings::default()
    }
}

fn amount(units: u128) -> Amount {
    Amount::from_units(units).unwrap()
}

impl House {
    /// A house whose lanes never did anything; `None` if no tests with real nodes are wanted.
    pub(crate) async fn start(batching: Option<Method>) -> Option<Self> {
        let anvil = Anvil::start(&program()?);
        let code = format!("0x{}", include_str!("../data/FullToken.hex").trim());
        let call = json!([{"from": OUTSIDER, "data": code, "gas": "0x300000"}]);
        let hash: String = anvil.ask("eth_sendTransaction", call).await;
        anvil.mine(4).await;
        let receipt: Value = anvil.ask("eth_getTransactionReceipt", json!([hash])).await;
        let contract: Address = receipt["contractAddress"].as_str().unwrap().parse().unwrap();
        let token = scene::token(&contract.to_string());
        let assets = [coin(), token.clone()];
        let mut policy = Policy::default();
        let network = scene::network("finalized");
        policy.lane_addresses.insert(network.id.clone(), [LANE, STATION].map(str::to_owned).into());
        let keystore = Keystore::in_memory(MNEMONIC, [1; 32]).unwrap();
        let settings = settings(batching);
        let house = Self {
            rail: scene::over(scene::alone(anvil.client()), &assets, settings.clone()),
            anvil,
            store: MemoryStore::default(),
            token,
            catalog: Catalog::new(vec![network], assets.to_vec()).unwrap(),
            signer: LocalSigner::new(keystore, policy),
            settings,
            now: Cell::new(Timestamp(1_700_000_000_000)),
            drawn: Cell::new(0),
            before: RefCell::default(),
        };
        house.open().await;
        Some(house)
    }

    /// A house whose lanes have prepared all that they need.
    pub(crate) async fn ready(batching: Method) -> Option<Self> {
        let house = Self::start(Some(batching)).await?;
        house.prepare().await;
        Some(house)
    }

    /// Stores the lanes and what they hold.
    async fn open(&self) {
        let lane = |id: LaneId, address: &str, number: u32| Lane {
            id,
            address: address.to_owned(),
            key_path: format!("m/44'/60'/0'/0/{number}"),
            ..scene::lane(0)
        };
        let lanes = vec![lane(hot(), LANE, 0), lane(station(), STATION, 1)];
        let mut change = ChangeSet::default();
        for lane in &lanes {
            self.set_tokens(&lane.address, TOKENS).await;
            for (asset, units) in self.on_chain(&lane.address).await {
                let owner = LedgerAccount::Available(MerchantId(1));
                let note = "what there is".to_owned();
                let at = self.now.get();
                change.postings.extend(ledger::fund(
                    &lane.id,
                    &asset,
                    owner,
                    amount(units),
                    note,
                    at,
                ));
            }
        }
        change.lanes = lanes;
        self.store.commit(change).await.unwrap();
    }

    /// Lets the lanes do for themselves what they want to, until they want nothing more.
    pub(crate) async fn prepare(&self) {
        for _ in 0..PASSES_MAX {
            let is_done = self.store.look(|it| it.batches.values().all(|it| it.closed));
            if !self.tend().await && is_done {
                return;
            }
            self.pass().await;
        }
        panic!("the lanes are not done: {}", self.report());
    }

    /// Another process over the same store: all that the rail knew by heart is gone.
    pub(crate) fn restart(&mut self) {
        let assets = [coin(), self.token.clone()];
        self.rail = scene::over(scene::alone(self.anvil.client()), &assets, self.settings.clone());
    }

    pub(crate) fn world(&self) -> World<'_> {
        let (catalog, store, rail, signer) = (&self.catalog, &self.store, &self.rail, &self.signer);
        World { catalog, store, rail, signer, fence: None }
    }

    fn draw(&self) -> BatchId {
        self.drawn.set(self.drawn.get() + 1);
        BatchId(self.drawn.get())
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, ms: u64) {
        self.now.set(self.now.get().plus_ms(ms));
    }

    /// Lets every lane look after itself; says whether one began something.
    pub(crate) async fn tend(&self) -> bool {
        let mut began = false;
        for lane in [hot(), station()] {
            began |= self.tend_one(&lane).await;
        }
        began
    }

    /// Lets one lane look after itself.
    pub(crate) async fn tend_one(&self, lane: &LaneId) -> bool {
        self.tend_as(lane, *lane == hot()).await
    }

    /// Lets one lane look after itself, as one that pays payouts or one that does not.
    pub(crate) async fn tend_as(&self, lane: &LaneId, pays: bool) -> bool {
        // The identifier is drawn for nothing if there is nothing to begin.
        let (id, now) = (self.draw(), self.now.get());
        let tended = engine::tend(&self.world(), lane, pays, id, now).await;
        tended.unwrap().is_some()
    }

    /// Looks whether the lane that pays needs coins.
    pub(crate) async fn refuel(&self, terms: &Station) -> Refueled {
        let (world, id) = (self.world(), self.draw());
        engine::refuel(&world, &hot(), terms, id, self.now.get()).await.unwrap()
    }

    /// Puts what waits into batches.
    pub(crate) async fn group(&self) {
        // As the gateway's, each is larger than the one before.
        let ids: Vec<BatchId> = (0..64).map(|_| self.draw()).collect();
        let mut ids = ids.into_iter();
        let mut draw = move || ids.next().unwrap();
        engine::group(&self.world(), &hot(), &mut draw, self.now.get()).await.unwrap();
    }

    /// Takes one step of a batch.
    pub(crate) async fn step(&self, id: BatchId) -> Progress {
        engine::advance(&self.world(), id, self.now.get()).await.unwrap()
    }

    /// Makes transactions for new batches, as the gateway does.
    pub(crate) async fn sign(&self, ids: &[BatchId]) {
        engine::sign_together(&self.world(), ids, self.now.get()).await.unwrap();
    }

    /// Does all there is to do at this moment.
    pub(crate) async fn turn(&self) {
        for _ in 0..PASSES_MAX {
            self.group().await;
            let due = self.store.look(|it| {
                let due = |lane| it.due_batches(&lane, self.now.get(), 1_000);
                [due(hot()), due(station())].concat()
            });
            if due.is_empty() {
                return;
            }
            let (new, due) = due.into_iter().partition::<Vec<_>, _>(|id| {
                self.store
                    .look(|it| it.batches[id].attempts.is_empty() && it.batches[id].chore.is_none())
            });
            self.sign(&new).await;
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
        self.anvil.mine(1).await;
        self.wait(self.settings.poll_ms);
        self.turn().await;
    }

    /// Goes on, lanes being looked after, until something is so.
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
        self.audit().await;
    }

    /// What has not ended, and what happened last.
    fn report(&self) -> String {
        let tried = |it: &Attempt| format!("{:?} {:?} {}", it.sequence, it.status, it.tx.txid);
        let line = |it: &Batch| {
            let (chore, hold) = (it.chore.as_ref().map(Chore::title), &it.hold);
            let tries: Vec<String> = it.attempts.iter().map(tried).collect();
            format!("{} {chore:?} {} payouts {hold:?} {tries:?}", it.lane, it.payouts.len())
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
    pub(crate) async fn ask(&self, asset: &Asset, recipient: &str, units: u128) -> PayoutId {
        let id = PayoutId(self.draw().0);
        let held = self.held_by(recipient, asset).await;
        if recipient != LANE {
            let line = (asset.id.clone(), recipient.to_owned());
            self.before.borrow_mut().entry(line).or_insert(held);
        }
        let now = self.now.get();
        let payout = Payout {
            id,
            public_id: id.to_string(),
            created_at: now,
            updated_at: now,
            ..scene::payout(asset, recipient, units)
        };
        let postings = ledger::reserve(&payout, now);
        let change = ChangeSet { payouts: vec![payout], postings, ..ChangeSet::default() };
        self.store.commit(change).await.unwrap();
        id
    }

    /// So many payouts to so many recipients, whose accounts exist. Each is of another amount.
    pub(crate) async fn ask_many(&self, asset: &Asset, name: &str, count: u64) -> Vec<PayoutId> {
        let mut ids = vec![];
        for number in 0..count {
            let recipient = self.friend(name, number).await;
            ids.push(self.ask(asset, &recipient, 1_000 + u128::from(number)).await);
        }
        ids
    }

    /// Somebody whose account exists.
    pub(crate) async fn friend(&self, name: &str, number: u64) -> String {
        let recipient = somebody(name, number).to_string();
        if self.anvil.balance(&recipient).await == 0 {
            self.set_coins(&recipient, 1).await;
        }
        recipient
    }

    pub(crate) fn status(&self, id: PayoutId) -> Status {
        self.store.look(|it| status_in(it, id))
    }

    #[track_caller]
    pub(crate) fn are(&self, ids: &[PayoutId], expected: Status) {
        for id in ids {
            assert_eq!(self.status(*id), expected, "{id}: {:?}", self.payout(*id).state);
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
            panic!("{:?}", self.payout(id).state)
        };
        failure.detail
    }

    /// What was last told of a payout, of one kind.
    pub(crate) fn told(&self, id: PayoutId, kind: EventKind) -> String {
        self.store.look(|it| {
            let mut told = it.events.iter().rev().filter(|it| it.payout == id && it.kind == kind);
            told.next().map(|it| it.detail.clone()).unwrap_or_default()
        })
    }

    /// The open batch that carries a payout.
    #[track_caller]
    pub(crate) fn batch_of(&self, id: PayoutId) -> Batch {
        let PayoutState::Sending { batch, .. } = self.payout(id).state else {
            panic!("{:?}", self.payout(id).state)
        };
        self.store.look(|it| it.batches[&batch].clone())
    }

    /// Why a payout waits.
    pub(crate) fn hold_of(&self, id: PayoutId) -> Option<HoldReason> {
        let is_in_batch = matches!(self.payout(id).state, PayoutState::Sending { .. });
        is_in_batch.then(|| self.batch_of(id).hold).flatten().map(|it| it.reason)
    }

    /// The one transaction with which these are on their way.
    #[track_caller]
    pub(crate) fn newest_of(&self, ids: &[PayoutId]) -> Attempt {
        let batch = self.batch_of(ids[0]);
        for id in ids {
            assert_eq!(self.batch_of(*id).id, batch.id);
        }
        batch.attempts.last().expect("something is signed").clone()
    }

    pub(crate) fn chores(&self) -> Vec<Chore> {
        self.store.look(|it| it.batches.values().filter_map(|it| it.chore.clone()).collect())
    }

    pub(crate) fn lane(&self, id: &LaneId) -> Lane {
        self.store.look(|it| it.lanes[id].clone())
    }

    /// Everybody has got what their paid payouts say and nothing else; each lane holds what the
    /// ledger says; and what the network charged for a transaction is booked whole, in equal shares
    /// of its payouts.
    pub(crate) async fn audit(&self) {
        let before = self.before.borrow().clone();
        for ((asset, recipient), before) in before {
            let paid: u128 = self.store.look(|it| {
                let ours = it.payouts.values().filter(|it| {
                    it.asset == asset
                        && it.destination.address == recipient
                        && it.state.status() == Status::Paid
                });
                ours.map(|it| it.quote.amount.units()).sum()
            });
            let row = if asset == coin().id { coin() } else { self.token.clone() };
            let got = self.held_by(&recipient, &row).await - before;
            assert_eq!(got, paid, "{recipient} has got {got} of {asset}, not {paid}");
        }
        for lane in [hot(), station()] {
            let wallet = LedgerAccount::HotWallet(lane.clone());
            for (asset, units) in self.on_chain(&self.lane(&lane).address).await {
                let balance = self.store.look(|it| it.balances[&(wallet.clone(), asset.clone())]);
                assert_eq!(-balance, i128::try_from(units).unwrap(), "{lane} {asset}");
            }
        }
        self.audit_fees().await;
    }

    async fn audit_fees(&self) {
        let batches: Vec<Batch> =
            self.store.look(|it| it.batches.values().filter(|it| it.closed).cloned().collect());
        for batch in batches {
            let mut charged = 0;
            for attempt in &batch.attempts {
                let Some(receipt) = self.receipt(attempt).await else { continue };
                let figure = |name: &str| -> u128 {
                    u128::from_str_radix(&receipt[name].as_str().unwrap()[2..], 16).unwrap()
                };
                charged += figure("gasUsed") * figure("effectiveGasPrice");
            }
            let shares: Vec<u128> = self.store.look(|it| {
                let ours = it.postings.iter().filter(|it| match it.cause {
                    Cause::Carriage(of, _) => of == batch.id,
                    Cause::Batch(of) => of == batch.id && it.debit == LedgerAccount::NetworkFee,
                    Cause::Payout(_) | Cause::Merchant(_) | Cause::Manual(_) => false,
                });
                ours.map(|it| it.amount.units()).collect()
            });
            assert_eq!(shares.iter().sum::<u128>(), charged, "{batch:#?}");
            if charged > 0 {
                assert_eq!(shares.len(), batch.payouts.len().max(1));
                assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
            }
        }
    }
}

fn status_in(contents: &Contents, id: PayoutId) -> Status {
    contents.payouts[&id].state.status()
}
