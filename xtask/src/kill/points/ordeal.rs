//! Everything that runs, and the scenes that are played on it.

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::scene::{self, Death, Scene};
use crate::kill::{
    Options,
    api::Api,
    chain::{ActOf, Theatre},
    gateway::{self, Gateway, Process},
    native,
    random::Random,
    receiver::Receiver,
    settle::{Ending, Verdict},
    workload::{Clients, End, Reply, Wanted},
};

/// How long a death is waited for once all is done that leads to it.
pub(crate) const DEATH_MAX: Duration = Duration::from_secs(20);
/// How long one of several helpings of work is waited for.
pub(crate) const HELPING_MAX: Duration = Duration::from_secs(2);
/// How many helpings there are.
pub(crate) const HELPINGS: usize = 10;
/// How long it is from one look to the next.
const PAUSE: Duration = Duration::from_millis(10);
/// Everything that runs.
pub(crate) struct Ordeal<T> {
    /// The chain.
    pub(crate) chain: T,
    receiver: Receiver,
    /// The gateway.
    pub(crate) gateway: Gateway,
    /// Its process.
    pub(crate) process: Process,
    api: Option<Api>,
    /// All payouts that were asked for.
    pub(crate) plan: Vec<Wanted>,
    clients: Vec<Clients>,
    /// What is drawn from.
    pub(crate) random: Random,
    /// How much must be set apart, in smallest units.
    apart: u128,
    /// The death that the gateway is to die.
    pub(crate) armed: String,
    is_control: bool,
}

impl<T> Drop for Ordeal<T> {
    fn drop(&mut self) {
        gateway::kill(&self.process);
    }
}

impl<T: Theatre> Ordeal<T> {
    /// Makes everything ready for the gateway's first start.
    ///
    /// # Errors
    /// If something does not start.
    pub(crate) fn set(
        mut chain: T,
        program: &Path,
        folder: &Path,
        options: Options,
    ) -> Result<Self> {
        let (process, receiver) = (Process::default(), Receiver::start()?);
        let (shared, around) = (Arc::clone(&process), (chain.node(), receiver.address));
        let files = |around| chain.files(around);
        let gateway = Gateway::new(program, folder, shared, around, files, options.is_control)?;
        chain.found(&gateway)?;
        Ok(Self {
            chain,
            receiver,
            gateway,
            process,
            api: None,
            plan: Vec::new(),
            clients: Vec::new(),
            random: Random::new(options.seed),
            apart: 0,
            armed: String::new(),
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
        self.chain.overpaid(&self.plan)
    }

    /// Lets the gateway die; says whether it did. It does not run any more afterwards.
    ///
    /// # Errors
    /// If the test cannot go on.
    pub(crate) fn die(&mut self, death: &Death) -> Result<bool> {
        let Death { point, count } = death;
        let scene = scene::of(&self.chain.plays(), point);
        if scene != Scene::FirstStart && self.api.is_none() {
            self.gateway.start()?;
            self.api = Some(self.chain.book(&self.gateway, self.receiver.address)?);
            gateway::kill(&self.process);
        }
        if let Scene::Own(act) = scene {
            T::before(self, act)?;
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
        self.chain.upset()?;
        Ok(has_died)
    }

    /// Starts the gateway unarmed, waits until everything has come to its end, and counts.
    ///
    /// # Errors
    /// If the test cannot go on.
    pub(crate) fn settle(&mut self) -> Result<Verdict> {
        if !self.is_control {
            T::last(self)?;
        }
        let start = self.gateway.start()?;
        println!("ready after the last death: {start:.0?}");
        let api = self.api()?;
        let ending = Ending {
            chain: &self.chain,
            receiver: &self.receiver,
            gateway: &self.gateway,
            api: &api,
            plan: &self.plan,
            is_control: self.is_control,
        };
        let clients: Vec<&Clients> = self.clients.iter().collect();
        let mut verdict = ending.settle(&clients)?;
        let (apart, expected) = (native::is_apart(&api)?, native::text(api.coin, self.apart));
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
    pub(crate) fn look<F>(
        &self,
        patience: Duration,
        mut find: impl FnMut() -> Result<Option<F>>,
    ) -> Result<Option<F>> {
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
    pub(crate) fn draw(
        &mut self,
        count: usize,
        end: End,
        approval: Option<Reply>,
    ) -> Result<Vec<Wanted>> {
        self.chain.draw_for(&mut self.random, count, end, approval)
    }

    /// Asks for payouts.
    pub(crate) fn ask(&mut self, drawn: &[Wanted]) -> Result<()> {
        let clients = self.clients_for(drawn)?;
        clients.release(drawn.len());
        self.clients.push(clients);
        Ok(())
    }

    /// Has clients ready to ask for payouts.
    fn clients_for(&mut self, drawn: &[Wanted]) -> Result<Clients> {
        self.plan.extend_from_slice(drawn);
        Ok(Clients::start(&self.api()?, &Arc::new(drawn.to_vec())))
    }

    /// Does what leads to the point, and waits for the death.
    fn play(&mut self, scene: Scene<ActOf<T>>, count: usize) -> Result<()> {
        match scene {
            Scene::FirstStart => Ok(()),
            Scene::Plain => self.helpings(count, End::Paid, None),
            Scene::Deaf => {
                self.receiver.be_deaf(4 * count);
                self.helpings(count, End::Paid, None)
            }
            Scene::Approval(reply) => {
                let end = if reply == Reply::Approve { End::Paid } else { End::Unpaid };
                self.helpings(count, end, Some(reply))
            }
            Scene::SetApart => self.set_apart(count),
            Scene::Own(act) => T::play(self, act, count),
        }
    }

    /// Asks for payouts, and for more if that was not enough.
    pub(crate) fn helpings(
        &mut self,
        count: usize,
        end: End,
        approval: Option<Reply>,
    ) -> Result<()> {
        self.again_and_again(HELPING_MAX, |it| {
            let drawn = it.draw(count, end, approval)?;
            it.ask(&drawn)
        })
    }

    /// Does what leads to the death until it has come, since it cannot be told from outside whether
    /// once was enough.
    pub(crate) fn again_and_again(
        &mut self,
        patience: Duration,
        mut cause: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        for _ in 0..HELPINGS {
            cause(self)?;
            self.await_death(patience)?;
            if self.has_died()? {
                break;
            }
        }
        Ok(())
    }

    /// Whether all of these payouts are in a block that may still be undone; false if nobody
    /// answers.
    pub(crate) fn are_in_block(&self, plan: &[Wanted]) -> Result<bool> {
        let api = self.api()?;
        let seen = |it: &Wanted| {
            native::status(&api, &it.reference).is_ok_and(|status| status == "in_block")
        };
        Ok(plan.iter().all(seen))
    }

    /// Holds the chain still until payouts wait in the node's pool, and then for as long as what
    /// `then` does takes. If the gateway dies before, none waits.
    pub(crate) fn in_the_pool(
        &mut self,
        count: usize,
        end: End,
        then: impl FnOnce(&Self, &[Wanted], &[T::Waiting]) -> Result<()>,
    ) -> Result<()> {
        let drawn = self.draw(count, end, None)?;
        self.watch(&drawn, then)
    }

    /// The same for payouts that were drawn.
    pub(crate) fn watch(
        &mut self,
        drawn: &[Wanted],
        then: impl FnOnce(&Self, &[Wanted], &[T::Waiting]) -> Result<()>,
    ) -> Result<()> {
        let clients = self.clients_for(drawn)?;
        T::calm(self)?;
        let held = self.chain.hold();
        clients.release(drawn.len());
        let waiting = self.look(DEATH_MAX, || self.chain.waiting(drawn))?;
        then(self, drawn, &waiting.unwrap_or_default())?;
        drop(held);
        self.clients.push(clients);
        Ok(())
    }

    /// Asks for payouts while the chain is held still, and waits for the death; `cause` comes before,
    /// and `mend` after.
    pub(crate) fn ask_under(
        &mut self,
        drawn: &[Wanted],
        cause: impl FnOnce(&T) -> Result<()>,
        mend: impl FnOnce(&T) -> Result<()>,
    ) -> Result<()> {
        let clients = self.clients_for(drawn)?;
        T::calm(self)?;
        let held = self.chain.hold();
        cause(&self.chain)?;
        clients.release(drawn.len());
        self.await_death(DEATH_MAX)?;
        mend(&self.chain)?;
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
