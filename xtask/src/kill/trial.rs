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
    chain::Chain,
    gateway::{self, Gateway, Process},
    proxy::Proxy,
    random::Random,
    receiver::Receiver,
    settle::{Ending, Verdict},
    workload::{Clients, Wanted},
};

/// Deaths at random come at most so long after new work was given.
const MOMENT_MS_MAX: u64 = 800;

/// How long a death at a broadcast is waited for.
const BROADCAST_MAX: Duration = Duration::from_secs(30);

/// Everything that runs.
struct Stage {
    chain: Box<dyn Chain>,
    proxy: Proxy,
    receiver: Receiver,
    gateway: Gateway,
    process: Process,
    strikes: mpsc::Receiver<()>,
    plan: Arc<Vec<Wanted>>,
}

/// Runs the test on a chain, with a gateway whose files go to `folder`.
///
/// # Errors
/// If the test itself cannot go on.
pub(crate) fn run(
    chain: Box<dyn Chain>,
    program: &Path,
    folder: &Path,
    options: Options,
) -> Result<Verdict> {
    let stage = Stage::set(chain, program, folder, options)?;
    let api = stage.fund()?;
    // Deaths while wallets prepare themselves are tried at every point.
    stage.chain.await_ready()?;
    let clients = Clients::start(&api, &stage.plan);
    let mut starts = stage.torture(&clients, options)?;
    starts.sort();
    if let (Some(median), Some(slowest)) = (starts.get(starts.len() / 2), starts.last()) {
        println!("ready after a death: median {median:.0?}, slowest {slowest:.0?}");
    }
    let ending = Ending {
        chain: &*stage.chain,
        receiver: &stage.receiver,
        gateway: &stage.gateway,
        api: &api,
        plan: &stage.plan,
        is_control: options.is_control,
    };
    ending.settle(&[&clients])
}

impl Drop for Stage {
    /// The proxy's threads hold the process too and would let it live on.
    fn drop(&mut self) {
        gateway::kill(&self.process);
    }
}

impl Stage {
    fn set(
        mut chain: Box<dyn Chain>,
        program: &Path,
        folder: &Path,
        options: Options,
    ) -> Result<Self> {
        let process = Process::default();
        let (victim, (report, strikes)) = (Arc::clone(&process), mpsc::channel());
        let strike = move || {
            gateway::kill(&victim);
            // The receiving end is gone only when the test is over.
            report.send(()).ok();
        };
        let proxy = Proxy::start(chain.node(), chain.handover(), strike)?;
        let receiver = Receiver::start()?;
        let shared = Arc::clone(&process);
        let around = (proxy.address, receiver.address);
        let files = |around| chain.files(around);
        let gateway = Gateway::new(program, folder, shared, around, files, options.is_control)?;
        chain.found(&gateway)?;
        let plan = Arc::new(chain.draw(options.payouts, options.seed)?);
        Ok(Self { chain, proxy, receiver, gateway, process, strikes, plan })
    }

    /// Starts the gateway, makes a merchant and gives it coins.
    fn fund(&self) -> Result<Api> {
        let start = self.gateway.start()?;
        println!("ready after the first start: {start:.0?}");
        self.chain.book(&self.gateway, self.receiver.address)
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
                self.chain.upset()?;
            }
            starts.push(self.gateway.start().with_context(|| format!("after kill {}", kill + 1))?);
            clients.acknowledged()?;
            if options.is_control && self.chain.overpaid(&self.plan)? > 0 {
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
}
