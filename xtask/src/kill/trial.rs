//! One run: load, deaths, and the wait for everything to come to its end.

use std::{
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    Options,
    api::Api,
    audit::{self, Counts, Statuses},
    gateway::{self, Gateway, Process},
    node::Node,
    proxy::Proxy,
    random::Random,
    receiver::Receiver,
    workload::{self, Clients, Wanted},
};
use crate::nodes;

/// Deaths at random come at most so long after new work was given.
const MOMENT_MS_MAX: u64 = 800;

/// How long a death at a broadcast is waited for.
const BROADCAST_MAX: Duration = Duration::from_secs(30);

/// How long nothing may happen at the end before what is open counts as stuck.
const STANDSTILL_MAX: Duration = Duration::from_secs(90);

/// What is given to the merchant and to the house, in whole coins.
const MERCHANT_COINS: u128 = 1_000;
const HOUSE_COINS: u128 = 10;
const WEI_PER_COIN: u128 = 1_000_000_000_000_000_000;

/// What came out.
pub(crate) struct Verdict {
    /// The payouts.
    pub(crate) counts: Counts,
    /// What else is wrong.
    pub(crate) findings: Vec<String>,
}

/// Everything that runs.
struct Stage {
    node: Node,
    proxy: Proxy,
    receiver: Receiver,
    gateway: Gateway,
    process: Process,
    strikes: mpsc::Receiver<()>,
    plan: Arc<Vec<Wanted>>,
}

/// Runs the test with a gateway whose files go to `folder`.
///
/// # Errors
/// If the test itself cannot go on.
pub(crate) fn run(root: &Path, program: &Path, folder: &Path, options: Options) -> Result<Verdict> {
    let stage = Stage::set(&nodes::anvil(root)?, program, folder, options)?;
    let api = stage.fund()?;
    let clients = Clients::start(&api, &stage.plan);
    let mut starts = stage.torture(&clients, options)?;
    starts.sort();
    if let (Some(median), Some(slowest)) = (starts.get(starts.len() / 2), starts.last()) {
        println!("ready after a death: median {median:.0?}, slowest {slowest:.0?}");
    }
    stage.settle(&api, &clients, options)
}

impl Drop for Stage {
    /// The proxy's threads hold the process too and would let it live on.
    fn drop(&mut self) {
        gateway::kill(&self.process);
    }
}

impl Stage {
    fn set(anvil: &Path, program: &Path, folder: &Path, options: Options) -> Result<Self> {
        let node = Node::start(anvil)?;
        let process = Process::default();
        let (victim, (report, strikes)) = (Arc::clone(&process), mpsc::channel());
        let strike = move || {
            gateway::kill(&victim);
            // The receiving end is gone only when the test is over.
            report.send(()).ok();
        };
        let proxy = Proxy::start(node.address, strike)?;
        let receiver = Receiver::start()?;
        let shared = Arc::clone(&process);
        let around = (proxy.address, receiver.address);
        let gateway = Gateway::new(program, folder, shared, around, options.is_control)?;
        let plan = Arc::new(workload::plan(options.payouts, options.seed));
        Ok(Self { node, proxy, receiver, gateway, process, strikes, plan })
    }

    /// Makes a wallet and a merchant, gives them coins, and starts the gateway.
    fn fund(&self) -> Result<Api> {
        self.gateway.operate(&["keys", "init"])?;
        let wallet = self.gateway.wallet()?;
        self.node.set_balance(&wallet, (MERCHANT_COINS + HOUSE_COINS) * WEI_PER_COIN)?;
        let api = self.gateway.merchant("shop", self.receiver.address)?;
        let start = self.gateway.start()?;
        println!("ready after the first start: {start:.0?}");
        let (merchant, house) = (MERCHANT_COINS.to_string(), HOUSE_COINS.to_string());
        self.gateway.operate(&["fund", "ETH@ethereum", &merchant, "--merchant", "shop"])?;
        self.gateway.operate(&["fund", "ETH@ethereum", &house, "--house"])?;
        Ok(api)
    }

    /// Gives work and kills, again and again; returns how long each restart took. A control ends
    /// with the first double payment.
    fn torture(&self, clients: &Clients, options: Options) -> Result<Vec<Duration>> {
        let mut random = Random::new(options.seed ^ 0x6b69_6c6c);
        let mut starts = Vec::new();
        for kill in 0..options.kills {
            let share = options.payouts * (kill + 1) / options.kills;
            if kill % 2 == 0 {
                clients.release(share);
                thread::sleep(Duration::from_millis(random.below(MOMENT_MS_MAX)));
                self.gateway.check_alive()?;
                gateway::kill(&self.process);
            } else {
                self.proxy.arm();
                clients.release(share);
                self.await_strike(clients).with_context(|| format!("kill {}", kill + 1))?;
                self.node.raise_base_fee()?;
            }
            starts.push(self.gateway.start().with_context(|| format!("after kill {}", kill + 1))?);
            clients.acknowledged()?;
            if options.is_control && self.overpaid()? > 0 {
                println!("a recipient was paid twice");
                break;
            }
        }
        let (all, worst) = (starts.len(), starts.len() / 2);
        println!("{all} kills, {worst} of them between a broadcast and its reply");
        Ok(starts)
    }

    fn await_strike(&self, clients: &Clients) -> Result<()> {
        let start = Instant::now();
        while self.strikes.recv_timeout(Duration::from_millis(100)).is_err() {
            clients.acknowledged()?;
            self.gateway.check_alive()?;
            ensure!(start.elapsed() < BROADCAST_MAX, "nothing was broadcast for {BROADCAST_MAX:?}");
        }
        Ok(())
    }

    /// How many recipients have more than they were to get.
    fn overpaid(&self) -> Result<usize> {
        let balances = audit::balances(&self.node, &self.plan, "latest")?;
        Ok(self.plan.iter().zip(balances).filter(|(wanted, has)| *has > wanted.wei).count())
    }

    /// Waits until all has ended or nothing moves any more, then counts.
    fn settle(&self, api: &Api, clients: &Clients, options: Options) -> Result<Verdict> {
        let mut statuses = Statuses::new();
        let mut before = None;
        let mut moved = Instant::now();
        loop {
            self.gateway.check_alive()?;
            let acknowledged = clients.acknowledged()?;
            for reference in acknowledged.keys() {
                if statuses.get(reference).is_none_or(|status| !is_final(status)) {
                    statuses.insert(reference.clone(), api.status(reference)?);
                }
            }
            let heard = self.receiver.heard("paid").len();
            let ended = statuses.values().filter(|status| is_final(status)).count();
            let all = self.plan.len();
            let caught = options.is_control && self.overpaid()? > 0;
            if caught || (ended == all && heard == all) {
                break;
            }
            let state = Some((statuses.clone(), heard));
            if state != before {
                (before, moved) = (state, Instant::now());
            }
            if moved.elapsed() > STANDSTILL_MAX {
                break;
            }
            thread::sleep(Duration::from_millis(250));
        }
        self.count(&statuses)
    }

    fn count(&self, statuses: &Statuses) -> Result<Verdict> {
        let mut findings = Vec::new();
        let heard = self.receiver.heard("paid");
        let unheard = self.plan.iter().filter(|wanted| !heard.contains(&wanted.reference)).count();
        if unheard > 0 {
            findings.push(format!("{unheard} payouts whose last webhook never came"));
        }
        match self.gateway.operate(&["reconcile"]) {
            Ok(text) => println!("reconcile: {}", text.trim().replace('\n', "; ")),
            Err(error) => findings.push(format!("reconcile: {error:#}")),
        }
        println!(
            "webhooks: {} came, last one heard of {} payouts",
            self.receiver.count(),
            heard.len()
        );
        let payments = audit::payments(&self.node, &self.plan)?;
        Ok(Verdict { counts: audit::judge(&self.plan, &payments, statuses), findings })
    }
}

fn is_final(status: &str) -> bool {
    matches!(status, "paid" | "fail" | "system_fail" | "cancel")
}
