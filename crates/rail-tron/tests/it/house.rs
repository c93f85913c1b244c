//! A house that pays on the test node: the engine, the signer and the rail as they are, a store in
//! memory, and a clock that is moved by hand.
//!
//! What it sent is left in a file below the target folder when it ends, and read again by two
//! independent implementations (`cargo xtask oracles`).

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fs,
    path::Path,
    sync::Arc,
};

use domain::{
    Timestamp,
    batch::{Attempt, Batch},
    catalog::{Asset, Catalog, Destination, Network},
    command::{Asked, CreatePayout},
    event::EventKind,
    ids::{AssetId, BatchId, DialectId, LaneId, MerchantId, NetworkId, PayoutId},
    lane::Lane,
    ledger::{self, Cause, LedgerAccount},
    money::Amount,
    payout::{Payout, PayoutState, Status},
    ports::{ChangeSet, HoldReason, Store},
    quote::{FeeBearer, Quote},
};
use engine::{Progress, World};
use net::{
    Answer, BoxFuture, Client, Endpoint, Guard, Question, Reach, Rest, Transport, Unreachable,
};
use rail_tron::{Settings, Tron, energy::Market};
use serde_json::Value;
use signer::{Keystore, LocalSigner, Policy};
use sim::store::{Contents, MemoryStore};
use tron_node::{Address, Deploy, Options, TETHER, TronNode};

const MNEMONIC: &str = "test test test test test test test test test test test junk";
const KEY_PATH: &str = "m/44'/195'/0'/0/0";
/// What the lane holds in the beginning, in sun.
const COINS: i64 = 10_000_000_000;
/// What the lane holds of the token.
const TOKENS: u128 = 1_000_000_000_000;
/// Where coins go that the house does not need.
pub(crate) const AWAY: Address = Address::from_tail([0xee; 20]);
/// How often the clock may be moved until something must have happened.
const PASSES_MAX: usize = 400;
/// How many blocks make the newest one solid.
pub(crate) const SOLID: usize = 20;

/// What can be set of a house.
pub(crate) struct Plan {
    /// How many nodes it asks.
    pub(crate) nodes: usize,
    /// How the rail is set.
    pub(crate) settings: Settings,
    /// Who rents energy.
    pub(crate) market: Option<Box<dyn Market>>,
    /// What the first node's answers become on their way.
    pub(crate) bend: Option<Bend>,
    /// Whether the token has a successor that pays for it.
    pub(crate) is_succeeded: bool,
}

impl Default for Plan {
    fn default() -> Self {
        let settings = settings();
        Self { nodes: 1, settings, market: None, bend: None, is_succeeded: false }
    }
}

/// Changes what a node answers to a path and a question, or loses it.
pub(crate) type Bend = Arc<dyn Fn(&str, &Value, Value) -> Option<Value> + Send + Sync>;

/// A way to a node on which answers are changed.
struct Bent {
    way: Endpoint,
    bend: Bend,
}

impl Transport for Bent {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        Box::pin(async move {
            let mut answer = self.way.send(question).await?;
            if let Question::Post { path, body } = question {
                let bent = (self.bend)(path, body, answer.body);
                answer.body = bent.ok_or_else(|| Unreachable("lost".to_owned()))?;
            }
            Ok(answer)
        })
    }
}

pub(crate) fn settings() -> Settings {
    Settings { poll_ms: 3_000, retry_ms: 3_000, expires_after_ms: 60_000, ..Settings::default() }
}

/// The house.
pub(crate) struct House {
    /// Its nodes, all of one chain as long as the test does the same to each.
    pub(crate) nodes: Vec<TronNode>,
    pub(crate) store: MemoryStore,
    pub(crate) rail: Tron,
    pub(crate) token: Asset,
    pub(crate) contract: Address,
    pub(crate) wallet: Address,
    catalog: Catalog,
    signer: LocalSigner,
    settings: Settings,
    now: Cell<Timestamp>,
    drawn: Cell<u128>,
    before: RefCell<BTreeMap<(AssetId, String), u128>>,
}

impl Drop for House {
    fn drop(&mut self) {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tron");
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{}-{number}.jsonl", std::process::id()));
        self.nodes[0].write_received(&file).unwrap();
    }
}

pub(crate) fn hot() -> LaneId {
    LaneId::new("tron/hot")
}

pub(crate) fn amount(units: u128) -> Amount {
    Amount::from_units(units).unwrap()
}

/// Somebody in particular, by number.
pub(crate) fn somebody(number: u64) -> String {
    let mut tail = [0xc3; 20];
    tail[12..].copy_from_slice(&number.to_be_bytes());
    Address::from_tail(tail).to_string()
}

pub(crate) fn coin() -> Asset {
    asset("TRX", None)
}

fn asset(ticker: &str, contract: Option<String>) -> Asset {
    Asset {
        id: AssetId::new(&format!("{ticker}@tron")),
        network: NetworkId::new("tron"),
        ticker: ticker.to_owned(),
        title: ticker.to_owned(),
        decimals: 6,
        contract,
        stablecoin: false,
        symbols: vec![],
    }
}

pub(crate) fn network() -> Network {
    let genesis = hex::encode(Options::default().genesis);
    let parameters = [("genesis", genesis.as_str()), ("memo_bytes_max", "100")];
    Network {
        id: NetworkId::new("tron"),
        title: "TRON".to_owned(),
        family: "tron".to_owned(),
        fee_asset: coin().id,
        explorer_url: String::new(),
        has_priorities: false,
        parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}

/// A way to a node.
fn rest(node: &TronNode) -> Rest {
    Rest::new(Arc::new(way(node)))
}

fn way(node: &TronNode) -> Endpoint {
    let client = Client::new(Guard::new(Reach::Anywhere, &[]).unwrap()).unwrap();
    Endpoint::new(client, &node.url(), &[], Endpoint::LIMITS).unwrap()
}

fn endpoints(nodes: &[TronNode], bend: Option<&Bend>) -> Vec<rail_tron::Endpoint> {
    let mut endpoints = vec![];
    for (position, node) in nodes.iter().enumerate() {
        let bend = bend.filter(|_| position == 0);
        let rest = || match bend {
            None => rest(node),
            Some(bend) => Rest::new(Arc::new(Bent { way: way(node), bend: Arc::clone(bend) })),
        };
        let name = format!("#{}", position + 1);
        endpoints.push(rail_tron::Endpoint { name, rest: rest(), solid: rest() });
    }
    endpoints
}

/// The wallet's key, and its address.
pub(crate) fn wallet() -> (Keystore, String) {
    let keystore = Keystore::in_memory(MNEMONIC, [1; 32]).unwrap();
    let address = keystore.address(KEY_PATH, signer::AddressFormat::Tron).unwrap();
    (keystore, address)
}

pub(crate) fn lane(address: &str) -> Lane {
    Lane {
        id: hot(),
        network: NetworkId::new("tron"),
        address: address.to_owned(),
        key_path: KEY_PATH.to_owned(),
        next_sequence: 0,
        version: 1,
    }
}

/// A node whose chain has some blocks, with a token, and a wallet that holds some of both.
pub(crate) fn founded(wallet: Address) -> (TronNode, Address) {
    let node = TronNode::start(Options::default());
    let contract = node.chain(|chain| {
        chain.fund(wallet, COINS);
        let contract = chain.deploy(&hex::decode(TETHER).unwrap(), wallet, &Deploy::default());
        chain.mine_many(SOLID + 5);
        contract
    });
    (node, contract)
}

/// As [`founded`], with a token that hands every call on to a successor, as Tether's does once it is
/// deprecated: that one moves the coins and tells of it.
fn succeeded(wallet: Address) -> (TronNode, Address) {
    let node = TronNode::start(Options::default());
    let contract = node.chain(|chain| {
        chain.fund(wallet, COINS);
        let issuer = Address::parse(&somebody(77)).unwrap();
        let new = chain.deploy(&hex::decode(TETHER).unwrap(), issuer, &Deploy::default());
        // Copies the call, calls the successor with it, and returns or reverts as that did.
        let code = format!(
            "603280600b6000396000f3363d3d373d3d363d3d73{}5af13d600060003e602d573d6000fd5b3d6000f3",
            hex::encode(&new.bytes()[1..])
        );
        let old = chain.deploy(&hex::decode(code).unwrap(), issuer, &Deploy::default());
        for who in [wallet, old] {
            let data = signed_call("issue(address,uint256)", &[who.tail(), &TOKENS.to_be_bytes()]);
            chain.call_as(issuer, new, &data);
        }
        chain.mine_many(SOLID + 5);
        old
    });
    (node, contract)
}

impl House {
    /// A house that never did anything, over one node.
    pub(crate) async fn new() -> Self {
        Self::start(Plan::default()).await
    }

    pub(crate) async fn start(plan: Plan) -> Self {
        let (keystore, address) = wallet();
        let wallet = Address::parse(&address).unwrap();
        let found = if plan.is_succeeded { succeeded } else { founded };
        let (nodes, contracts): (Vec<_>, Vec<_>) = (0..plan.nodes).map(|_| found(wallet)).unzip();
        let contract = contracts[0];
        let token = asset("USDT", Some(contract.to_string()));
        let assets = [coin(), token.clone()];
        let rail = rail(&nodes, &assets, plan.settings.clone(), &address, plan.bend.as_ref());
        let house = Self {
            rail: match plan.market {
                Some(market) => rail.renting(market),
                None => rail,
            },
            nodes,
            store: MemoryStore::default(),
            token,
            contract,
            wallet,
            catalog: Catalog::new(vec![network()], assets.to_vec()).unwrap(),
            signer: LocalSigner::new(keystore, Policy::default()),
            settings: plan.settings,
            now: Cell::new(Timestamp(1_700_000_100_000)),
            drawn: Cell::new(0),
            before: RefCell::default(),
        };
        house.open(&address).await;
        house
    }

    async fn open(&self, address: &str) {
        let mut change = ChangeSet { lanes: vec![lane(address)], ..ChangeSet::default() };
        for (asset, units) in
            [(coin(), u128::try_from(COINS).unwrap()), (self.token.clone(), TOKENS)]
        {
            let (owner, note) = (LedgerAccount::Available(MerchantId(1)), "found".to_owned());
            let fund = ledger::fund(&hot(), &asset.id, owner, amount(units), note, self.now.get());
            change.postings.extend(fund);
        }
        // The token's whole supply is more than the house needs.
        let surplus = self.held_by(&self.wallet, &self.token) - TOKENS;
        self.all(|chain| {
            let data = transfer_call(&AWAY, surplus);
            chain.call_as(self.wallet, self.contract, &data);
            chain.mine_many(SOLID);
        });
        self.store.commit(change).await.unwrap();
    }

    /// Does the same to all nodes.
    pub(crate) fn all(&self, mut act: impl FnMut(&mut tron_node::Chain)) {
        for node in &self.nodes {
            node.chain(&mut act);
        }
    }

    pub(crate) fn node(&self) -> &TronNode {
        &self.nodes[0]
    }

    /// Another process over the same store: all that the rail knew by heart is gone.
    pub(crate) fn restart(&mut self) {
        let assets = [coin(), self.token.clone()];
        let (_, address) = wallet();
        self.rail = rail(&self.nodes, &assets, self.settings.clone(), &address, None);
    }

    fn world(&self) -> World<'_> {
        let (catalog, store, rail, signer) = (&self.catalog, &self.store, &self.rail, &self.signer);
        World { catalog, store, rail, signer, fence: None }
    }

    pub(crate) fn draw(&self) -> u128 {
        self.drawn.set(self.drawn.get() + 1);
        self.drawn.get()
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, ms: u64) {
        self.now.set(self.now.get().plus_ms(ms));
    }

    /// Puts what waits into batches.
    pub(crate) async fn group(&self) {
        let ids: Vec<BatchId> = (0..200).map(|_| BatchId(self.draw())).collect();
        let mut ids = ids.into_iter();
        let mut draw = move || ids.next().unwrap();
        engine::group(&self.world(), &hot(), &mut draw, self.now.get()).await.unwrap();
    }

    /// Takes one step of a batch.
    pub(crate) async fn step(&self, id: BatchId) -> Progress {
        engine::advance(&self.world(), id, self.now.get()).await.unwrap()
    }

    /// Does all there is to do at this moment.
    pub(crate) async fn turn(&self) {
        for _ in 0..PASSES_MAX {
            self.group().await;
            let due = self.store.look(|it| it.due_batches(&hot(), self.now.get(), 1_000));
            if due.is_empty() {
                return;
            }
            let (new, due) = due.into_iter().partition::<Vec<_>, _>(|id| {
                self.store.look(|it| it.batches[id].attempts.is_empty())
            });
            engine::sign_together(&self.world(), &new, self.now.get()).await.unwrap();
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

    /// Does all there is to do, makes a block, and lets its time pass.
    pub(crate) async fn pass(&self) {
        self.turn().await;
        self.all(tron_node::Chain::mine);
        self.wait(3_000);
        self.turn().await;
    }

    /// Goes on until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Contents) -> bool) {
        for _ in 0..PASSES_MAX {
            if self.store.look(&is_so) {
                return;
            }
            self.pass().await;
        }
        panic!("never {what}: {}", self.report());
    }

    /// Goes on until these have ended; then the books agree with the chain.
    pub(crate) async fn end(&self, payouts: &[PayoutId]) {
        self.until("ended", |it| payouts.iter().all(|id| it.payouts[id].state.status().is_final()))
            .await;
        self.audit();
    }

    pub(crate) fn report(&self) -> String {
        let tried = |it: &Attempt| format!("{:?} {:?} {}", it.sequence, it.status, it.tx.txid);
        let line = |it: &Batch| {
            let tries: Vec<String> = it.attempts.iter().map(tried).collect();
            format!("{} payouts {:?} {tries:?}", it.payouts.len(), it.hold)
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
        self.ask_with_memo(asset, recipient, units, None).await
    }

    pub(crate) async fn ask_with_memo(
        &self,
        asset: &Asset,
        recipient: &str,
        units: u128,
        memo: Option<&str>,
    ) -> PayoutId {
        let id = PayoutId(self.draw());
        if let Some(recipient) = Address::parse(recipient) {
            let held = self.held_by(&recipient, asset);
            let line = (asset.id.clone(), recipient.to_string());
            self.before.borrow_mut().entry(line).or_insert(held);
        }
        let now = self.now.get();
        let destination =
            Destination { address: recipient.to_owned(), memo: memo.map(str::to_owned) };
        let payout = Payout {
            id,
            public_id: id.to_string(),
            created_at: now,
            updated_at: now,
            ..payout(asset, destination, amount(units))
        };
        let postings = ledger::reserve(&payout, now);
        let change = ChangeSet { payouts: vec![payout], postings, ..ChangeSet::default() };
        self.store.commit(change).await.unwrap();
        id
    }

    pub(crate) fn payout(&self, id: PayoutId) -> Payout {
        self.store.look(|it| it.payouts[&id].clone())
    }

    pub(crate) fn status(&self, id: PayoutId) -> Status {
        self.payout(id).state.status()
    }

    /// Why a payout failed.
    #[track_caller]
    pub(crate) fn failure(&self, id: PayoutId) -> String {
        let PayoutState::Failed { failure, .. } = self.payout(id).state else {
            panic!("{:?}", self.payout(id).state)
        };
        failure.detail
    }

    /// The batch that carries a payout, open or not.
    #[track_caller]
    pub(crate) fn batch_of(&self, id: PayoutId) -> Batch {
        let found = self
            .store
            .look(|it| it.batches.values().rev().find(|it| it.payouts.contains(&id)).cloned());
        found.expect("it is in a batch")
    }

    /// Why a payout waits.
    pub(crate) fn hold_of(&self, id: PayoutId) -> Option<(HoldReason, String)> {
        self.batch_of(id).hold.map(|it| (it.reason, it.detail))
    }

    /// What was told of a payout, of one kind.
    pub(crate) fn told(&self, id: PayoutId, kind: EventKind) -> Vec<String> {
        self.store.look(|it| {
            let told = it.events.iter().filter(|it| it.payout == id && it.kind == kind);
            told.map(|it| it.detail.clone()).collect()
        })
    }

    /// What the network was charged for a payout, in sun.
    pub(crate) fn charged(&self, id: PayoutId) -> u128 {
        let batch = self.batch_of(id).id;
        self.store.look(|it| {
            let ours = it.postings.iter().filter(|it| match it.cause {
                Cause::Carriage(of, _) => of == batch,
                Cause::Batch(of) => of == batch && it.debit == LedgerAccount::NetworkFee,
                Cause::Payout(_) | Cause::Merchant(_) | Cause::Manual(_) => false,
            });
            ours.map(|it| it.amount.units()).sum()
        })
    }

    // --- What the chain says ----------------------------------------------------------------

    pub(crate) fn held_by(&self, holder: &Address, asset: &Asset) -> u128 {
        self.node().chain(|chain| match &asset.contract {
            None => u128::try_from(chain.balance(holder).unwrap_or(0)).unwrap(),
            Some(_) => chain
                .token_balance(self.contract, holder)
                .map_or(0, |it| u128::try_from(it).unwrap()),
        })
    }

    /// What a recipient has got since he was first to be paid.
    pub(crate) fn got(&self, recipient: &str, asset: &Asset) -> u128 {
        let line = (asset.id.clone(), recipient.to_owned());
        let before = self.before.borrow().get(&line).copied().unwrap_or(0);
        self.held_by(&Address::parse(recipient).unwrap(), asset) - before
    }

    /// Everybody has got what their paid payouts say and nothing else, and the lane holds what the
    /// ledger says.
    pub(crate) fn audit(&self) {
        for (asset, recipient) in self.before.borrow().keys() {
            if Address::parse(recipient) == Some(self.wallet) {
                continue;
            }
            let paid: u128 = self.store.look(|it| {
                let ours = it.payouts.values().filter(|it| {
                    it.asset == *asset
                        && it.destination.address == *recipient
                        && it.state.status() == Status::Paid
                });
                ours.map(|it| it.quote.amount.units()).sum()
            });
            let row = if *asset == coin().id { coin() } else { self.token.clone() };
            assert_eq!(self.got(recipient, &row), paid, "{recipient} {asset}");
        }
        let account = LedgerAccount::HotWallet(hot());
        for asset in [coin(), self.token.clone()] {
            let booked = self.store.look(|it| -it.balances[&(account.clone(), asset.id.clone())]);
            let held = i128::try_from(self.held_by(&self.wallet, &asset)).unwrap();
            assert_eq!(booked, held, "{} by the ledger, and by the chain", asset.id);
        }
    }
}

/// `transfer(address,uint256)`.
pub(crate) fn transfer_call(to: &Address, units: u128) -> Vec<u8> {
    call([0xa9, 0x05, 0x9c, 0xbb], &[to.tail(), &units.to_be_bytes()])
}

/// A call of a function by its signature.
pub(crate) fn signed_call(signature: &str, words: &[&[u8]]) -> Vec<u8> {
    call(alloy_primitives::keccak256(signature)[..4].try_into().unwrap(), words)
}

/// A call with words that begin with zeros.
fn call(selector: [u8; 4], words: &[&[u8]]) -> Vec<u8> {
    let mut data = selector.to_vec();
    for word in words {
        data.extend(std::iter::repeat_n(0, 32 - word.len()));
        data.extend(*word);
    }
    data
}

/// A rail over nodes, the first one's answers changed on their way.
pub(crate) fn rail(
    nodes: &[TronNode],
    assets: &[Asset],
    settings: Settings,
    wallet: &str,
    bend: Option<&Bend>,
) -> Tron {
    let rail = Tron::new(&network(), assets, endpoints(nodes, bend), settings).unwrap();
    rail.never_paying([wallet]).unwrap()
}

fn payout(asset: &Asset, destination: Destination, amount: Amount) -> Payout {
    let quote = Quote {
        asked: amount,
        bearer: FeeBearer::Merchant,
        amount,
        service_fee: Amount::ZERO,
        network_fee: Amount::ZERO,
        usd: None,
        worth: None,
        conversions: vec![],
    };
    let (dialect, asked) = (DialectId::new("native"), Asked::Exact(amount));
    let (id, address) = (PayoutId(1), destination.address.clone());
    let create = CreatePayout::new(id, MerchantId(1), dialect, asset.id.clone(), asked, address);
    Payout::new(&create, asset.network.clone(), destination, quote, Timestamp::NEVER)
}
