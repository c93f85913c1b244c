//! Several gateways on one database: one of them is killed, or frozen until another has taken its work
//! over, or all of them are killed at the worst moment, or the database is; and whoever asks for payouts
//! meanwhile is served by the others.
//!
//! With `--split` the last of them only accepts, and has no key of a wallet; the others pay and deliver,
//! and take no requests.
//!
//! What stands between the clients and the gateways is as simple as a balancer can be: it asks one after
//! another until one can be reached. A request that is not answered is lost, and asked again.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    Options,
    api::Api,
    chain::Chain,
    gateway::{self, Gateway, Process},
    http, native,
    proxy::Proxy,
    random::Random,
    receiver::Receiver,
    settle::{self, Ending, Verdict},
    workload::{Clients, REFUSED, Wanted, lock},
};
use crate::postgres::Cluster;

/// Blows at random come at most so long after new work was given.
const MOMENT_MS_MAX: u64 = 800;
/// How long a request may take until it counts as lost.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long a gateway that did not answer is asked nothing.
const LEFT_OUT: Duration = Duration::from_secs(3);
/// How long all that was asked for may take after a blow.
const RECOVERY_MAX: Duration = Duration::from_mins(1);
/// How often the probe asks.
const PROBE: Duration = Duration::from_millis(20);

/// What happens to the gateways, in this order, again and again.
const BLOWS: [Blow; 4] = [Blow::Kill, Blow::Freeze, Blow::Database, Blow::Broadcast];

/// What happens to the gateways.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// The one that pays is killed.
    Kill,
    /// The one that pays is frozen until others have paid what it would have, and then goes on.
    Freeze,
    /// The database dies, and comes back.
    Database,
    /// All are killed when the node has accepted a transaction.
    Broadcast,
}

/// Everything that runs.
struct Stage {
    chain: Box<dyn Chain>,
    proxy: Proxy,
    receiver: Receiver,
    server: Cluster,
    nodes: Vec<Gateway>,
    /// Where requests are taken.
    entrances: Vec<SocketAddr>,
    processes: Vec<Process>,
    strikes: mpsc::Receiver<()>,
    plan: Arc<Vec<Wanted>>,
}

/// What those do that pay, and the one that accepts, if they are split.
const SPLIT: [&[&str]; 2] = [&["--rails", "--deliver", "--admin"], &["--accept"]];

/// How many gateways there are, and whether they are split by roles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How many there are.
    pub(crate) count: usize,
    /// Whether the last one accepts and the others pay; otherwise, each does everything.
    pub(crate) is_split: bool,
}

/// Runs the test with gateways on a database of their own, whose files go to `folder`.
///
/// # Errors
/// If the test itself cannot go on.
pub(crate) fn run(
    root: &Path,
    chain: Box<dyn Chain>,
    program: &Path,
    folder: &Path,
    options: Options,
    shape: Shape,
) -> Result<Verdict> {
    let least = if shape.is_split { 3 } else { 2 };
    ensure!(shape.count >= least, "--nodes must be at least {least}, so that one can take over");
    let mut stage = Stage::set(root, chain, program, folder, options, shape)?;
    let api = stage.fund()?;
    stage.chain.await_ready()?;
    let clients = Clients::start(&api, &stage.plan);
    let probe = Probe::start(&api);
    stage.strike(&clients, &api, &probe, options)?;
    let gap = probe.end();
    println!("longest time without an answer: {gap:.1?}");
    let ending = Ending {
        chain: &*stage.chain,
        receiver: &stage.receiver,
        gateway: &stage.nodes[0],
        api: &api,
        plan: &stage.plan,
        is_control: options.is_control,
    };
    ending.settle(&[&clients])
}

impl Drop for Stage {
    /// The proxy's threads hold the processes too and would let them live on.
    fn drop(&mut self) {
        self.processes.iter().for_each(gateway::kill);
    }
}

impl Stage {
    fn set(
        root: &Path,
        mut chain: Box<dyn Chain>,
        program: &Path,
        folder: &Path,
        options: Options,
        shape: Shape,
    ) -> Result<Self> {
        let Shape { count, is_split } = shape;
        let server = Cluster::start(root).context("starting a server of PostgreSQL")?;
        let processes: Vec<Process> = (0..count).map(|_| Process::default()).collect();
        let (victims, (report, strikes)) = (processes.clone(), mpsc::channel());
        let strike = move || {
            victims.iter().for_each(gateway::kill);
            // The receiving end is gone only when the test is over.
            report.send(()).ok();
        };
        let proxy = Proxy::start(chain.node(), chain.handover(), strike)?;
        let receiver = Receiver::start()?;
        let mut nodes: Vec<Gateway> = vec![];
        for (number, process) in processes.iter().enumerate() {
            let around = (proxy.address, receiver.address);
            let files = |around| chain.files(around);
            let folder = folder.join(format!("node-{number}"));
            let shared = Arc::clone(process);
            let node = Gateway::new(program, &folder, shared, around, files, options.is_control)?;
            let node = node.with_database(server.url());
            let roles = SPLIT[usize::from(number + 1 == count)];
            nodes.push(if is_split { node.with_roles(roles) } else { node });
        }
        chain.found(&nodes[0])?;
        let clerk = if is_split { nodes.pop() } else { None };
        for node in &nodes[1..] {
            node.take_keystore_of(&nodes[0])?;
        }
        if let Some(mut clerk) = clerk {
            clerk.take_vault_of(&nodes[0])?;
            nodes.push(clerk);
        }
        let plan = Arc::new(chain.draw(options.payouts, options.seed)?);
        let entrances = if is_split { &nodes[count - 1..] } else { &nodes[..] };
        let entrances = entrances.iter().map(Gateway::address).collect();
        Ok(Self { chain, proxy, receiver, server, nodes, entrances, processes, strikes, plan })
    }

    /// Starts the gateways, makes a merchant and gives it coins.
    fn fund(&self) -> Result<Api> {
        self.start_all()?;
        let api = self.chain.book(&self.nodes[0], self.receiver.address)?;
        Ok(Api { gateway: balance(self.entrances.clone())?, ..api })
    }

    fn start_all(&self) -> Result<()> {
        for (number, node) in self.nodes.iter().enumerate() {
            if node.has_died()? {
                node.start().with_context(|| format!("node {number}"))?;
            }
        }
        Ok(())
    }

    /// Gives work and strikes, again and again. A control ends with the first double payment.
    fn strike(
        &mut self,
        clients: &Clients,
        api: &Api,
        probe: &Probe,
        options: Options,
    ) -> Result<()> {
        let mut random = Random::new(options.seed ^ 0x6e6f_6465);
        for (number, blow) in (0..options.kills).zip(BLOWS.iter().cycle()) {
            let said = format!("blow {} ({blow:?})", number + 1);
            let share = options.payouts * (number + 1) / options.kills;
            if let Blow::Broadcast = blow {
                self.proxy.arm();
            }
            // Something is left that only another can pay.
            let before = if let Blow::Freeze = blow { share - 1 } else { share };
            clients.release(before);
            thread::sleep(Duration::from_millis(random.below(MOMENT_MS_MAX)));
            probe.take();
            let began = Instant::now();
            self.deal(*blow, clients, api, share).with_context(|| said.clone())?;
            self.await_paid(clients, api, share).with_context(|| said.clone())?;
            let (paid, gap) = (began.elapsed(), probe.take());
            println!("{said}: {share} payouts paid {paid:.1?} later, no answer for {gap:.1?}");
            self.start_all()?;
            if options.is_control && self.chain.overpaid(&self.plan)? > 0 {
                println!("a recipient was paid twice");
                break;
            }
        }
        Ok(())
    }

    fn deal(&mut self, blow: Blow, clients: &Clients, api: &Api, share: usize) -> Result<()> {
        match blow {
            Blow::Kill => {
                let (number, _) = self.payer()?;
                gateway::kill(&self.processes[number]);
            }
            Blow::Freeze => {
                let (number, node) = self.payer()?;
                node.signal("STOP")?;
                clients.release(share);
                let paid = self.await_paid(clients, api, share);
                node.signal("CONT")?;
                paid?;
                let (other, _) = self.payer()?;
                ensure!(other != number, "what was frozen pays again, and nobody took it over");
            }
            Blow::Database => self.server.crash()?,
            Blow::Broadcast => {
                let began = Instant::now();
                while self.strikes.recv_timeout(Duration::from_millis(100)).is_err() {
                    clients.acknowledged()?;
                    ensure!(began.elapsed() < RECOVERY_MAX, "nothing was broadcast");
                }
                self.chain.upset()?;
                self.start_all()?;
            }
        }
        Ok(())
    }

    /// The gateway that pays.
    fn payer(&self) -> Result<(usize, &Gateway)> {
        let began = Instant::now();
        loop {
            let mut held = self.nodes.iter().map(|it| it.leases_held().unwrap_or(0)).enumerate();
            if let Some((number, _)) = held.find(|it| it.1 > 0) {
                return Ok((number, &self.nodes[number]));
            }
            ensure!(began.elapsed() < RECOVERY_MAX, "nobody pays");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the first `share` payouts of the plan have come to their ends.
    fn await_paid(&self, clients: &Clients, api: &Api, share: usize) -> Result<()> {
        let began = Instant::now();
        let has_ended =
            |reference: &String| api.status(reference).is_ok_and(|it| settle::is_final(&it));
        let mut open: Vec<String> =
            self.plan[..share].iter().map(|it| it.reference.clone()).collect();
        while !open.is_empty() {
            let acknowledged = clients.acknowledged()?;
            open.retain(|it| match acknowledged.get(it) {
                Some(id) => id != REFUSED && !has_ended(it),
                None => true,
            });
            for node in &self.nodes {
                node.has_died()?;
            }
            ensure!(began.elapsed() < RECOVERY_MAX, "{} payouts do not end: {open:?}", open.len());
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// Passes requests on to the first of several that can be reached, beginning with another each time.
/// One that did not answer is left out for a while.
fn balance(nodes: Vec<SocketAddr>) -> Result<SocketAddr> {
    let next = AtomicUsize::new(0);
    let silent: Mutex<Vec<Option<Instant>>> = Mutex::new(vec![None; nodes.len()]);
    let address = http::serve(move |request| {
        let first = next.fetch_add(1, Ordering::Relaxed);
        for number in (first..first + nodes.len()).map(|it| it % nodes.len()) {
            if lock(&silent)[number].is_some_and(|it| it.elapsed() < LEFT_OUT) {
                continue;
            }
            match http::exchange_within(nodes[number], &request, ANSWER_MAX) {
                Ok(answer) => return Some(answer),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                Err(_) => {
                    lock(&silent)[number] = Some(Instant::now());
                    // It may have been done: whoever asked asks again.
                    return None;
                }
            }
        }
        None
    })?;
    Ok(address)
}

/// Asks all the time, and measures how long there is no answer.
struct Probe {
    longest: Arc<Mutex<(Duration, Duration)>>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Probe {
    fn start(api: &Api) -> Self {
        let longest = Arc::new(Mutex::new((Duration::ZERO, Duration::ZERO)));
        let is_over = Arc::new(AtomicBool::new(false));
        let (api, noted, told) = (api.clone(), Arc::clone(&longest), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            let mut last = Instant::now();
            while !told.load(Ordering::SeqCst) {
                let is_answered = native::is_apart(&api).is_ok();
                let mut noted = lock(&noted);
                let gap = last.elapsed();
                *noted = (noted.0.max(gap), noted.1.max(gap));
                drop(noted);
                if is_answered {
                    last = Instant::now();
                }
                thread::sleep(PROBE);
            }
        });
        Self { longest, is_over, thread }
    }

    /// The longest time without an answer since this was last asked.
    fn take(&self) -> Duration {
        std::mem::take(&mut lock(&self.longest).1)
    }

    /// The longest time without an answer at all.
    fn end(self) -> Duration {
        self.is_over.store(true, Ordering::SeqCst);
        // It only panics where the lock does.
        drop(self.thread.join());
        lock(&self.longest).0
    }
}
