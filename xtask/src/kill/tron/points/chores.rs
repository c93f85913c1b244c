//! What brings about that one wallet brings another coins.

use anyhow::{Result, ensure};

use crate::kill::{
    gateway,
    points::ordeal::{DEATH_MAX, HELPING_MAX, Ordeal},
    tron::{
        TRX, Tron, moods,
        setup::{BELOW_SUN, HOT, SUN},
        top_ups,
    },
    workload::lock,
};

/// What a wallet is left with that is to be short of coins, in sun: not enough for any payment.
const REST_SUN: u128 = SUN / 2;

/// How much the station may bring after everything else, in sun: enough for what is left to be paid.
const LAST_SUN: u128 = 500 * SUN;

impl Ordeal<Tron> {
    /// The wallet's coins are taken out of it, by the ledger and on the chain, while payouts wait that
    /// need some.
    pub(super) fn shortage(&mut self) -> Result<()> {
        self.again_and_again(HELPING_MAX, |it| {
            it.drain()?;
            let drawn = it.chain.drawn(it.random.next(), |draw| draw.tokens(1))?;
            it.ask(&drawn)
        })
    }

    /// Takes the coins out of the wallet, if it has been brought what it last needed; says whether.
    pub(super) fn drain(&self) -> Result<bool> {
        let (chain, hot) = (&self.chain, self.chain.wallets()?.hot);
        if chain.final_coins(&hot)? < BELOW_SUN {
            return Ok(false);
        }
        let held = chain.miner.hold();
        let has = chain.node.chain(|it| {
            it.mine();
            it.balance(&hot).unwrap_or(0)
        });
        let taken = u128::try_from(has)?.saturating_sub(REST_SUN);
        if taken > 0 {
            let amount = TRX.text(taken);
            let lane = ["--lane", HOT, "--note", "the kill test takes them"];
            let arguments = [&["house", "withdraw", TRX.id, &amount], &lane[..]].concat();
            self.gateway.operate(&arguments)?;
            let sun = i64::try_from(taken)?;
            let block = chain.node.chain(|it| {
                // What was made before could still be paid for then, and would run out of energy.
                moods::leave_all_out(it);
                it.fund(hot, -sun);
                it.head_number()
            });
            lock(&chain.drained).push((block, taken));
        }
        drop(held);
        Ok(taken > 0)
    }

    /// Leaves the station so many coins for the day, and makes the wallet short of some: it must be
    /// brought these and no others.
    pub(super) fn limit_a_day(&mut self) -> Result<()> {
        let hot = self.chain.wallets()?.hot;
        self.gateway.start()?;
        let has = |stage: &Self, sun: u128| {
            let is_there = || Ok((stage.chain.final_coins(&hot)? >= sun).then_some(()));
            Ok::<_, anyhow::Error>(stage.look(DEATH_MAX, is_there)?.is_some())
        };
        ensure!(has(self, BELOW_SUN)?, "the wallet is not brought coins");
        gateway::kill(&self.process);
        let limit = top_ups::sum(&self.chain.read(&self.plan)?) + LAST_SUN;
        self.gateway.limit_a_day(&TRX.text(limit))?;
        self.chain.limit = limit;
        self.gateway.start()?;
        ensure!(self.drain()?, "the wallet has no coins");
        let is_brought = has(self, LAST_SUN / 2)?;
        gateway::kill(&self.process);
        ensure!(is_brought, "what is left of the day's limit is not brought");
        Ok(())
    }
}
