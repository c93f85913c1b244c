//! Everything that runs, and the scenes that are played on it.

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    chain::{self, Waiting},
    company::Company,
    miner::Miner,
    scene::{Death, Scene},
};
use crate::kill::{
    Options,
    api::Api,
    funds::{self, Wallets},
    gateway::{self, Gateway, Process},
    native,
    node::{Blocks, Node},
    random::Random,
    receiver::Receiver,
    settle::{self, Ending, Verdict},
    setup::{Batching, DAILY_MAX_WEI, Setup},
    workload::{Clients, End, Reply, Wanted, plan},
};

/// How long a death is waited for once all is done that leads to it.
pub(crate) const DEATH_MAX: Duration = Duration::from_secs(20);
/// How long one of several helpings of work is waited for.
pub(crate) const HELPING_MAX: Duration = Duration::from_secs(2);
/// How many helpings there are.
pub(crate) const HELPINGS: usize = 10;
/// How many transactions may be on their way at once: more than there ever are, so that there is
/// room for a scene's own while the chain is held still.
const IN_FLIGHT_MAX: usize = 200;
/// How long it is from one look to the next.
const PAUSE: Duration = Duration::from_millis(10);
/// A base fee above the operator's cap, which is 500 gwei by default, in wei per gas.
const ABOVE_CAP_WEI: u128 = 2_000_000_000_000;
/// A base fee that is nothing special, in wei per gas.
const USUAL_WEI: u128 = 1_000_000_000;

/// Everything that runs.
pub(crate) struct Ordeal {
    /// The chain.
    pub(crate) node: Arc<Node>,
    /// Who makes its blocks.
    pub(crate) miner: Miner,
    receiver: Receiver,
    /// The gateway.
    pub(crate) gateway: Gateway,
    /// Its process.
    pub(crate) process: Process,
    /// Its wallets.
    pub(crate) wallets: Wallets,
    api: Option<Api>,
    /// All payouts that were asked for.
    pub(crate) plan: Vec<Wanted>,
    clients: Vec<Clients>,
    /// What is drawn from.
    pub(crate) random: Random,
    /// How much must be set apart, in wei.
    apart: u128,
    /// The death that the gateway is to die.
    pub(crate) armed: String,
    /// The number that was left out last of the wallet that pays.
    pub(crate) skipped: Option<u128>,
    /// The most that the station may bring within the day, in wei.
    pub(crate) limit: u128,
    is_control: bool,
}

impl Drop for Ordeal {
    fn drop(&mut self) {
        gateway::kill(&self.process);
    }
}

impl Ordeal {
    /// Makes everything ready for the gateway's first start.
    ///
    /// # Errors
    /// If something does not start.
    pub(crate) fn set(
        anvil: &Path,
        program: &Path,
        folder: &Path,
        options: Options,
    ) -> Result<Self> {
        let node = Arc::new(Node::start(anvil, Blocks::ByHand)?);
        let miner = Miner::start(&node);
        let (process, receiver) = (Process::default(), Receiver::start()?);
        let (shared, around) = (Arc::clone(&process), (node.address, receiver.address));
        let (in_flight_max, batching) = (IN_FLIGHT_MAX, options.batching);
        let setup = Setup { in_flight_max, batching, has_station: true };
        let gateway = Gateway::new(program, folder, shared, around, setup, options.is_control)?;
        let wallets = funds::found(&gateway, &node)?;
        Ok(Self {
            node,
            miner,
            receiver,
            gateway,
            process,
            wallets,
            api: None,
            plan: Vec::new(),
            clients: Vec::new(),
            random: Random::new(options.seed),
            apart: 0,
            armed: String::new(),
            skipped: None,
            limit: DAILY_MAX_WEI,
            is_control: options.is_control,
        })
    }

    /// The crash points of the gateway.
    ///
    /// # Errors
    /// If it does not tell them.
    pub(crate) fn points(&self) -> Result<Vec<String>> {
        Ok(self.gateway.operate(&["crash-points"])?.lines().map(String::from).collect())
    }

    /// How many payouts were asked for.
    pub(crate) fn payouts(&self) -> usize {
        self.plan.len()
    }

    /// How many recipients have more than they were to get.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) fn overpaid(&self) -> Result<usize> {
        settle::overpaid(&self.node, &self.plan)
    }

    /// Lets the gateway die; says whether it did. It does not run any more afterwards.
    ///
    /// # Errors
    /// If the test cannot go on.
    pub(crate) fn die(&mut self, death: &Death) -> Result<bool> {
        let Death { point, count } = death;
        let scene = Scene::of(point);
        if scene != Scene::FirstStart && self.api.is_none() {
            self.gateway.start()?;
            self.api = Some(funds::book(&self.gateway, &self.wallets, self.receiver.address)?);
            gateway::kill(&self.process);
        }
        if matches!(scene, Scene::Gap { .. }) {
            self.skip_a_number()?;
        }
        if matches!(scene, Scene::Shortage { .. }) {
            // A gateway that starts meanwhile may find that coins are missing.
            self.drain()?;
        }
        self.armed = format!("{point}:{count}");
        self.gateway.start_armed(&self.armed)?;
        if !self.has_died()? {
            // One more than is needed: several may come to the point together.
            self.play(scene, count + 1).with_context(|| format!("{point}:{count}"))?;
        }
        let has_died = self.has_died()?;
        if scene == Scene::SetApart && has_died && death.is_after() {
            self.apart += 1;
        }
        gateway::kill(&self.process);
        self.receiver.be_deaf(0);
        chain::raise_base_fee(&self.node)?;
        Ok(has_died)
    }

    /// Starts the gateway unarmed, waits until everything has come to its end, and counts.
    ///
    /// # Errors
    /// If the test cannot go on.
    pub(crate) fn settle(&mut self) -> Result<Verdict> {
        if !self.is_control {
            self.limit_a_day()?;
        }
        let start = self.gateway.start()?;
        println!("ready after the last death: {start:.0?}");
        let api = self.api()?;
        let ending = Ending {
            node: &self.node,
            wallets: &self.wallets,
            receiver: &self.receiver,
            gateway: &self.gateway,
            api: &api,
            plan: &self.plan,
            daily_max: self.limit,
            batching: Batching::Contract,
            is_control: self.is_control,
        };
        let clients: Vec<&Clients> = self.clients.iter().collect();
        let mut verdict = ending.settle(&clients)?;
        let (apart, expected) = (native::is_apart(&api)?, native::text(self.apart));
        if apart != expected {
            verdict.findings.push(format!("{apart} is set apart, and should be {expected}"));
        }
        Ok(verdict)
    }

    fn api(&self) -> Result<Api> {
        self.api.clone().context("there is no merchant yet")
    }

    /// Whether the gateway is dead; clients that were refused end the test.
    pub(crate) fn has_died(&self) -> Result<bool> {
        for clients in &self.clients {
            clients.acknowledged()?;
        }
        self.gateway.has_died()
    }

    /// Looks again and again whether something is there; `None` if the gateway died before it was, or
    /// it did not come in time.
    pub(crate) fn look<T>(
        &self,
        patience: Duration,
        mut find: impl FnMut() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let start = Instant::now();
        while start.elapsed() < patience {
            if self.has_died()? {
                break;
            }
            if let Some(found) = find()? {
                return Ok(Some(found));
            }
            thread::sleep(PAUSE);
        }
        Ok(None)
    }

    /// Waits for the death.
    ///
    /// # Errors
    /// If the test cannot go on.
    pub(crate) fn await_death(&self, patience: Duration) -> Result<()> {
        self.look(patience, || Ok(None::<()>)).map(drop)
    }

    /// Draws payouts that nobody has asked for yet, for so many transactions.
    fn draw(&mut self, count: usize, end: End, approval: Option<Reply>) -> Result<Vec<Wanted>> {
        let company = Company::drawn(&mut self.random);
        // What travels alone may fail, and a token does not mind who its recipient is.
        let company =
            if end == End::Paid && approval.is_none() { company } else { company.of_coins() };
        self.draw_in(company, count, end, approval)
    }

    /// Draws payouts that travel in this company, for so many transactions.
    pub(crate) fn draw_in(
        &mut self,
        company: Company,
        count: usize,
        end: End,
        approval: Option<Reply>,
    ) -> Result<Vec<Wanted>> {
        let mut drawn = plan(company.payouts(count), self.random.next());
        for wanted in &mut drawn {
            (wanted.end, wanted.approval) = (end, approval);
            company.join(wanted);
        }
        chain::give(&self.node, &drawn)?;
        Ok(drawn)
    }

    /// Asks for payouts.
    pub(crate) fn ask(&mut self, drawn: &[Wanted]) -> Result<()> {
        self.plan.extend_from_slice(drawn);
        let clients = Clients::start(&self.api()?, &Arc::new(drawn.to_vec()));
        clients.release(drawn.len());
        self.clients.push(clients);
        Ok(())
    }

    /// Does what leads to the point, and waits for the death.
    fn play(&mut self, scene: Scene, count: usize) -> Result<()> {
        match scene {
            Scene::FirstStart => Ok(()),
            Scene::Plain => self.helpings(count, End::Paid, None),
            Scene::Deaf => {
                self.receiver.be_deaf(4 * count);
                self.helpings(count, End::Paid, None)
            }
            Scene::Hostile => self.hostile(count),
            Scene::TurnedHostile => self.turned_hostile(count),
            Scene::FeeJump => self.fee_jump(count),
            Scene::AboveCap => self.above_cap(count),
            Scene::Reorganisation => self.reorganisation(count),
            Scene::Taken { is_final } => self.taken(count, is_final),
            Scene::Approval(reply) => {
                let end = if reply == Reply::Approve { End::Paid } else { End::Unpaid };
                self.helpings(count, end, Some(reply))
            }
            Scene::SetApart => self.set_apart(count),
            Scene::Requeued => self.requeued(count),
            Scene::Preparation { is_possible } => self.preparation(is_possible),
            Scene::Shortage { is_mended } => self.shortage(is_mended),
            Scene::Gap { is_taken } => self.gap(is_taken),
        }
    }

    /// Asks for payouts, and for more if that was not enough.
    fn helpings(&mut self, count: usize, end: End, approval: Option<Reply>) -> Result<()> {
        for _ in 0..HELPINGS {
            let drawn = self.draw(count, end, approval)?;
            self.ask(&drawn)?;
            self.await_death(HELPING_MAX)?;
            if self.has_died()? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn hostile(&mut self, count: usize) -> Result<()> {
        let drawn = self.draw(count, End::Unpaid, None)?;
        chain::turn_hostile(&self.node, &drawn)?;
        // Estimates are made on what is in a block.
        self.node.mine()?;
        self.ask(&drawn)?;
        self.await_death(DEATH_MAX)
    }

    fn turned_hostile(&mut self, count: usize) -> Result<()> {
        self.in_the_pool(count, End::Unpaid, |stage, drawn, _| {
            chain::turn_hostile(&stage.node, drawn)
        })?;
        self.await_death(DEATH_MAX)
    }

    fn fee_jump(&mut self, count: usize) -> Result<()> {
        self.in_the_pool(count, End::Paid, |stage, _, waiting| {
            chain::outgrow(&stage.node, waiting)?;
            stage.await_death(DEATH_MAX)
        })
    }

    fn above_cap(&mut self, count: usize) -> Result<()> {
        let node = Arc::clone(&self.node);
        let drawn = self.draw(count, End::Paid, None)?;
        self.plan.extend_from_slice(&drawn);
        let clients = Clients::start(&self.api()?, &Arc::new(drawn));
        self.calm()?;
        let held = self.miner.hold();
        node.set_base_fee(ABOVE_CAP_WEI)?;
        node.mine()?;
        clients.release(self.plan.len());
        self.await_death(DEATH_MAX)?;
        node.set_base_fee(USUAL_WEI)?;
        node.mine()?;
        drop(held);
        self.clients.push(clients);
        Ok(())
    }

    fn reorganisation(&mut self, count: usize) -> Result<()> {
        self.in_the_pool(count, End::Paid, |stage, drawn, _| {
            stage.node.mine()?;
            let api = stage.api()?;
            let seen = |it: &Wanted| {
                // Whoever is dead does not answer.
                native::status(&api, &it.reference).is_ok_and(|status| status == "in_block")
            };
            if stage.look(DEATH_MAX, || Ok(drawn.iter().all(seen).then_some(())))?.is_some() {
                chain::undo_block(&stage.node)?;
            }
            stage.await_death(DEATH_MAX)
        })
    }

    fn taken(&mut self, count: usize, is_final: bool) -> Result<()> {
        self.in_the_pool(count, End::Paid, |stage, _, waiting| {
            chain::take_numbers(&stage.node, &stage.wallets.hot, waiting)?;
            for _ in 0..if is_final { 3 } else { 0 } {
                stage.node.mine()?;
            }
            stage.await_death(DEATH_MAX)
        })
    }

    /// Holds the chain still until payouts wait in the node's pool, and then for as long as what
    /// `then` does takes. If the gateway dies before, none waits.
    fn in_the_pool(
        &mut self,
        count: usize,
        end: End,
        then: impl FnOnce(&Self, &[Wanted], &[Waiting]) -> Result<()>,
    ) -> Result<()> {
        let drawn = self.draw(count, end, None)?;
        self.watch(&drawn, then)
    }

    /// The same for payouts that were drawn.
    pub(crate) fn watch(
        &mut self,
        drawn: &[Wanted],
        then: impl FnOnce(&Self, &[Wanted], &[Waiting]) -> Result<()>,
    ) -> Result<()> {
        let node = Arc::clone(&self.node);
        self.plan.extend_from_slice(drawn);
        let clients = Clients::start(&self.api()?, &Arc::new(drawn.to_vec()));
        self.calm()?;
        let held = self.miner.hold();
        clients.release(drawn.len());
        let waiting = self.look(DEATH_MAX, || chain::waiting(&node, &self.wallets.hot, drawn))?;
        then(self, drawn, &waiting.unwrap_or_default())?;
        drop(held);
        self.clients.push(clients);
        Ok(())
    }

    fn set_apart(&mut self, count: usize) -> Result<()> {
        let api = self.api()?;
        // What is decided together with a payout is at other points.
        for _ in 0..count * HELPINGS {
            if native::set_apart(&api, 1)? {
                self.apart += 1;
            } else {
                self.await_death(DEATH_MAX)?;
                ensure!(self.has_died()?, "a transfer was not answered");
                return Ok(());
            }
        }
        Ok(())
    }
}
