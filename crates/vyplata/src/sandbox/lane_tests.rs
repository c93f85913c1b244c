//! A lane's loop where the books differ from the chain, and where the code fails in it.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use domain::{
    BoxFuture, Timestamp,
    batch::{Attempt, AttemptStatus, Batch, Observation, SignedTx},
    catalog::Asset,
    chore::Chore,
    ids::{AssetId, BatchId, LaneId, NetworkId, TxId},
    lane::Lane,
    ledger::{self, LedgerAccount},
    money::Amount,
    ports::{
        BuildError, ChangeSet, Draft, Handover, Holding, Rail, RailProfile, Signature, Unreachable,
        UnsignedTx,
    },
};
use tokio::{sync::watch, time::sleep};

use super::*;
use crate::{clock, concerns, loops};

const NETWORK: &str = "ethereum";
const COIN: &str = "ETH@ethereum";
const LANE: &str = "ethereum/watched";

/// A chain that includes what it is handed, and says what is wanted of what lanes hold.
struct Chain {
    profile: RailProfile,
    handed_over: Mutex<Vec<TxId>>,
    built: AtomicU32,
    asked: AtomicU32,
    holds: AtomicBool,
    fails: AtomicBool,
}

impl Rail for Chain {
    fn profile(&self) -> &RailProfile {
        &self.profile
    }

    fn quote_fee<'a>(&'a self, _: &'a Asset) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        Box::pin(async { Err(Unreachable) })
    }

    fn build<'a>(&'a self, _: Draft<'a>) -> BoxFuture<'a, Result<UnsignedTx, BuildError>> {
        self.built.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Err(BuildError::Unreachable) })
    }

    fn finalize(&self, _: &UnsignedTx, _: &Signature) -> Result<SignedTx, String> {
        Err("nothing is built here".to_owned())
    }

    fn broadcast<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<Handover, Unreachable>> {
        self.handed_over.lock().unwrap().push(tx.txid.clone());
        Box::pin(async { Ok(Handover::Accepted) })
    }

    fn observe<'a>(
        &'a self,
        _: &'a Lane,
        attempts: &'a [Attempt],
        _: &'a [Attempt],
    ) -> BoxFuture<'a, Result<Vec<Observation>, Unreachable>> {
        let end = |_: &Attempt| Observation::Final { fee: Amount::ZERO, unpaid: vec![] };
        Box::pin(async move { Ok(attempts.iter().map(end).collect()) })
    }

    fn holdings<'a>(
        &'a self,
        _: &'a Lane,
        assets: &'a [Asset],
    ) -> BoxFuture<'a, Result<Vec<Holding>, Unreachable>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            assert!(!self.fails.load(Ordering::Relaxed), "as a bug would");
            let amount = if self.holds.load(Ordering::Relaxed) { held() } else { Amount::ZERO };
            let coin = assets.iter().filter(|it| it.id.as_str() == COIN);
            Ok(coin.map(|it| Holding { asset: it.id.clone(), amount }).collect())
        })
    }
}

fn held() -> Amount {
    Amount::from_units(1_000).unwrap()
}

fn chain() -> Arc<Chain> {
    let profile = RailProfile {
        network: NetworkId::new(NETWORK),
        batch_max: 1,
        batch_wait_ms: 0,
        economy_apart: false,
        in_flight_max: 8,
        attempts_max: 8,
        poll_ms: 20,
        retry_ms: 20,
        replace_after_ms: None,
    };
    let (handed_over, built, asked, holds, fails) = Default::default();
    Arc::new(Chain { profile, handed_over, built, asked, holds, fails })
}

/// A batch that is signed already, and one that is not.
fn batches() -> [Batch; 2] {
    [1, 2].map(|number| {
        let (network, lane) = (NetworkId::new(NETWORK), LaneId::new(LANE));
        let chore = Chore::Prepare("something".to_owned());
        let mut batch = Batch::of_chore(BatchId(number), network, lane, chore, Timestamp(0));
        if number == 1 {
            batch.attempts.push(Attempt {
                tx: SignedTx { txid: TxId::new("signed"), raw: vec![1] },
                sequence: Some(0),
                fee_max: Amount::from_units(1).unwrap(),
                status: AttemptStatus::Signed,
                signed_at: Timestamp(0),
                fee: None,
                spends: vec![],
                unpaid: vec![],
            });
        }
        batch
    })
}

struct Scene {
    sandbox: Sandbox,
    work: LaneWork,
    stop: watch::Sender<bool>,
    thread: std::thread::JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Scene {
    /// A gateway with one more lane, of which the ledger says that it holds something.
    async fn start(chain: Arc<Chain>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let sandbox = start(config(directory.path()), listener).await.unwrap();
        let lane = Lane {
            id: LaneId::new(LANE),
            network: NetworkId::new(NETWORK),
            address: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".to_owned(),
            key_path: "m/44'/60'/0'/0/9".to_owned(),
            next_sequence: 1,
            version: 1,
        };
        let (owner, note) = (LedgerAccount::Inventory, "here".to_owned());
        let coin = AssetId::new(COIN);
        let postings = ledger::fund(&lane.id, &coin, owner, held(), note, clock::now());
        let (lanes, batches) = (vec![lane], batches().to_vec());
        let change = ChangeSet { lanes, batches, postings, ..ChangeSet::default() };
        sandbox.app.store.commit(change).await.unwrap();
        let work = LaneWork {
            lane: LaneId::new(LANE),
            network: NetworkId::new(NETWORK),
            rail: chain,
            pays: true,
            station: None,
            rang: Arc::default(),
            failed: Arc::default(),
        };
        sandbox.app.leases.want(LANE);
        sandbox.app.leases.beat(&*sandbox.app.store).await;
        let (stop, stopped) = watch::channel(false);
        let thread = loops::start_lane(sandbox.app.clone(), work.clone(), stopped);
        Self { sandbox, work, stop, thread, _directory: directory }
    }

    async fn is_closed(&self, number: u128) -> bool {
        self.sandbox.app.store.load_batch(BatchId(number)).await.unwrap().batch.closed
    }

    async fn end(self) {
        self.stop.send(true).unwrap();
        tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap();
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..3_000 {
        if is_so().await {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("never {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_books_differ_what_is_signed_goes_on_and_nothing_is_signed() {
    let poor = chain();
    let scene = Scene::start(poor.clone()).await;
    until("settled", async || scene.is_closed(1).await).await;
    assert_eq!(*poor.handed_over.lock().unwrap(), [TxId::new("signed")]);
    // Some more turns.
    sleep(Duration::from_millis(200)).await;
    assert_eq!(poor.built.load(Ordering::Relaxed), 0, "it is signed for");
    assert!(!scene.is_closed(2).await);
    assert_eq!(poor.asked.load(Ordering::Relaxed), 1, "it is looked again after a minute");
    scene.end().await;
    let rich = chain();
    rich.holds.store(true, Ordering::Relaxed);
    let scene = Scene::start(rich.clone()).await;
    until("built", async || rich.built.load(Ordering::Relaxed) > 0).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_goes_on_after_the_code_failed_and_is_named_meanwhile() {
    let chain = chain();
    chain.holds.store(true, Ordering::Relaxed);
    chain.fails.store(true, Ordering::Relaxed);
    let scene = Scene::start(chain.clone()).await;
    until("asked again", async || chain.asked.load(Ordering::Relaxed) > 1).await;
    let named = concerns::lanes(std::slice::from_ref(&scene.work));
    assert!(named[0].what.contains(LANE), "{named:?}");
    chain.fails.store(false, Ordering::Relaxed);
    until("settled", async || scene.is_closed(1).await).await;
    until("built", async || chain.built.load(Ordering::Relaxed) > 0).await;
    let is_well = async || concerns::lanes(std::slice::from_ref(&scene.work)).is_empty();
    until("well", is_well).await;
    scene.end().await;
}
