//! What is asked for in one coin and paid from another, from the request to the last posting.

use std::collections::BTreeMap;

use domain::{
    command::{Accepted, ApprovalRequest, Asked, Command, CreatePayout, Refusal, Source},
    ids::{AssetId, DialectId, PayoutId},
    ledger::fund,
    money::Decimal,
    payout::{Payout, Status, Verdict},
    ports::{ChangeSet, PayoutKey},
};
use tempfile::TempDir;
use tokio::time::sleep;

use super::*;
use crate::clock;

/// How long to wait between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// How many looks a thing is worth: a minute.
const LOOKS_MAX: u32 = 3_000;

/// Balances that are not zero, by account and asset; merchants without their identifier.
type Balances = BTreeMap<(String, String), i128>;

struct Scene {
    sandbox: Sandbox,
    _directory: TempDir,
}

impl Scene {
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path());
        change(&mut config);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self { sandbox: start(config, listener).await.unwrap(), _directory: directory }
    }

    /// A request of the demo merchant's.
    async fn request(&self, asset: &str, asked: Asked, address: &str) -> CreatePayout {
        let merchants = self.sandbox.app.store.merchants().await.unwrap();
        let id = PayoutId(clock::uuid_v7(clock::now()));
        let (dialect, asset) = (DialectId::new("native"), AssetId::new(asset));
        let create =
            CreatePayout::new(id, merchants[0].id, dialect, asset, asked, address.to_owned());
        CreatePayout { public_ids: vec![id.to_string()], ..create }
    }

    async fn submit(&self, command: Command) -> Result<Payout, Refusal> {
        match self.sandbox.server.api.acceptor.submit(None, command).await? {
            Accepted::Payout { payout, .. } => Ok(*payout),
            other @ (Accepted::Quoted(..) | Accepted::Moved { .. } | Accepted::NonceUsed) => {
                panic!("{other:?}")
            }
        }
    }

    async fn create(&self, create: CreatePayout) -> Payout {
        self.submit(Command::Create(Box::new(create))).await.unwrap()
    }

    async fn wait_for(&self, payout: &Payout, status: Status) {
        for _ in 0..LOOKS_MAX {
            let key = PayoutKey::Id(payout.id);
            let view = self.sandbox.app.store.find_payout(&key).await.unwrap().unwrap();
            if view.payout.state.status() == status {
                return;
            }
            sleep(LOOK).await;
        }
        panic!("{} is not {}", payout.id, status.word());
    }

    async fn balances(&self) -> Balances {
        let balances = self.sandbox.app.store.balances().await.unwrap();
        let line = |it: domain::ports::Balance| {
            let account = it.account.to_string();
            let kind = account.split(':').next().unwrap_or_default().to_owned();
            ((kind, it.asset.to_string()), it.units)
        };
        balances.into_iter().map(line).collect()
    }

    async fn end(self) {
        self.sandbox.stop().await;
    }
}

/// What has changed between two moments.
fn changes(before: &Balances, after: &Balances) -> Vec<(String, String, i128)> {
    let mut all: Vec<_> = before.keys().chain(after.keys()).collect();
    all.sort_unstable();
    all.dedup();
    let units = |of: &Balances, line| of.get(line).copied().unwrap_or_default();
    let changed = all.into_iter().map(|line| (line, units(after, line) - units(before, line)));
    let changed = changed.filter(|it| it.1 != 0);
    changed.map(|(line, units)| (line.0.clone(), line.1.clone(), units)).collect()
}

fn line(account: &str, asset: &str, units: i128) -> (String, String, i128) {
    (account.to_owned(), asset.to_owned(), units)
}

const BITCOIN: &str = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
const TRON: &str = "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm";

#[tokio::test(flavor = "multi_thread")]
async fn bitcoin_is_paid_from_dollars_to_the_last_unit() {
    let scene = Scene::new(|_| {}).await;
    let before = scene.balances().await;
    let tenth = Asked::Exact(Amount::parse("0.1", 8).unwrap());
    let request = scene.request("BTC@bitcoin", tenth, BITCOIN).await;
    let request = CreatePayout { source: Source::Configured, insured: true, ..request };
    let payout = scene.create(request).await;
    // 0.1 and 1,000 units of the network's fee, at 60,000 dollars, and half a percent on top.
    let [sold] = payout.quote.conversions.as_slice() else { panic!("{payout:?}") };
    assert_eq!((sold.from.as_str(), sold.bought.units()), ("USDT@bsc", 10_001_000));
    assert_eq!(sold.cost.to_text(18), "6030.603");
    assert_eq!(sold.insurance.to_text(18), "60.30603");
    let price = payout.quote.usd.as_ref().unwrap();
    assert_eq!((price.usd.to_string().as_str(), price.source.as_str()), ("60000", "binance"));
    scene.wait_for(&payout, Status::Paid).await;
    let cost = i128::try_from(sold.cost.units()).unwrap();
    let changed = changes(&before, &scene.balances().await);
    let expected = [
        line("available", "USDT@bsc", -cost),
        line("hot_wallet", "BTC@bitcoin", 10_000_000 + 1_000),
        line("inventory", "BTC@bitcoin", -10_001_000),
        line("inventory", "USDT@bsc", cost),
        line("network_fee", "BTC@bitcoin", -1_000),
        line("network_fee_charged", "BTC@bitcoin", 1_000),
    ];
    assert_eq!(changed, expected);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_in_euros_is_paid_at_the_price_of_the_source_that_is_asked_for() {
    let scene = Scene::new(|_| {}).await;
    let euros =
        || Asked::Worth { currency: "EUR".to_owned(), amount: Decimal::parse("20").unwrap() };
    for (course, source, usd) in [(None, "binance", "1.08"), (Some("exmo"), "exmo", "1.07892")] {
        let request = scene.request("USDT@tron", euros(), TRON).await;
        let course = course.map(str::to_owned);
        let payout = scene.create(CreatePayout { course, ..request }).await;
        let price = &payout.quote.worth.as_ref().unwrap().price;
        assert_eq!((price.source.as_str(), price.usd.to_string().as_str()), (source, usd));
        assert_eq!(payout.quote.amount.to_text(6), "21.6");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_approves_in_time_is_withdrawn_and_its_price_returns() {
    let scene = Scene::new(|config| config.approvals.timeout_ms = Some(1)).await;
    let before = scene.balances().await;
    let whole = || Asked::Exact(Amount::parse("1", 8).unwrap());
    let request = scene.request("BTC@bitcoin", whole(), BITCOIN).await;
    let approval = Some(ApprovalRequest { url: None });
    let request = CreatePayout { approval, source: Source::Configured, ..request };
    let payout = scene.create(request).await;
    assert_eq!(payout.state.status(), Status::AwaitingApproval);
    scene.wait_for(&payout, Status::Cancelled).await;
    assert_eq!(changes(&before, &scene.balances().await), []);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_approves_is_paid() {
    let scene = Scene::new(|_| {}).await;
    let some = Asked::Exact(Amount::parse("5", 6).unwrap());
    let request = scene.request("USDT@tron", some, TRON).await;
    let approval = Some(ApprovalRequest { url: None });
    let payout = scene.create(CreatePayout { approval, ..request }).await;
    let verdict = |approve| Verdict {
        approve,
        key: None,
        key_public: "operator".to_owned(),
        ip: "127.0.0.1".to_owned(),
        user_agent: "test".to_owned(),
        at: clock::now(),
    };
    let judge = |approve| {
        let (merchant, payout) = (payout.merchant, payout.id);
        scene.submit(Command::Judge { merchant, payout, verdict: verdict(approve) })
    };
    judge(true).await.unwrap();
    assert_eq!(judge(false).await, Err(Refusal::NotAwaitingApproval));
    scene.wait_for(&payout, Status::Paid).await;
    scene.end().await;
}

#[tokio::test]
async fn wallets_share_a_chain_and_each_holds_what_the_ledger_says_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let store = wiring::open_store(&config, wiring::Use::Command).await.unwrap();
    let pace = Pace { networks: Some(&["tron", "ethereum"]), wallets: 3, ..Pace::SANDBOX };
    let Assembled { app, chains, .. } = assemble(&config, store, &pace).await.unwrap();
    assert_eq!((app.rails.len(), chains.len(), app.lanes.len()), (2, 2, 6));
    let coin = AssetId::new("TRX@tron");
    let lanes: Vec<LaneId> =
        ["", "-2", "-3"].map(|it| format!("tron/sandbox{it}")).map(|it| LaneId::new(&it)).to_vec();
    let mut change = ChangeSet::default();
    for (units, lane) in (7..).zip(&lanes) {
        let amount = Amount::from_units(units).unwrap();
        let note = "here".to_owned();
        let owner = LedgerAccount::Inventory;
        change.postings.extend(fund(lane, &coin, owner, amount, note, clock::now()));
    }
    app.store.commit(change).await.unwrap();
    resume(&app, &chains).await.unwrap();
    let stored = app.store.lanes().await.unwrap();
    let asset = app.catalog.asset("TRX@tron").unwrap();
    for (units, id) in (7..).zip(&lanes) {
        let lane = stored.iter().find(|it| it.id == *id).unwrap();
        let work = app.lanes.iter().find(|it| it.lane == *id).unwrap();
        let held = work.rail.holdings(lane, std::slice::from_ref(asset)).await.unwrap();
        assert_eq!(held[0].amount.units(), units);
    }
    let keys: BTreeSet<&str> = stored.iter().map(|it| it.key_path.as_str()).collect();
    assert_eq!((keys.len(), app.own_addresses.len()), (3, 6));
}
