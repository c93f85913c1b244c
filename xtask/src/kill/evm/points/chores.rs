//! What the wallets do for themselves, and what makes it necessary.

use std::{
    sync::{Arc, MutexGuard},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    chain::{self, Waiting},
    company::Company,
};
use crate::kill::{
    chain::Theatre as _,
    evm::{
        ETH, Evm, audit, coins,
        setup::{BELOW_WEI, WEI_PER_COIN},
        token, top_ups,
    },
    gateway,
    points::ordeal::{DEATH_MAX, HELPING_MAX, HELPINGS, Ordeal},
    workload::End,
};

/// How long a transaction is looked for.
const CATCH_MAX: Duration = Duration::from_secs(5);

/// What a wallet is left with that is to be short of coins, in wei: not enough for any transaction.
const REST_WEI: u128 = 1_000_000_000;

impl Ordeal<Evm> {
    /// The wallet's approval is taken back, so that it approves anew; for the very first time it puts
    /// the contract onto the chain before. If that is to fail, the token refuses it once.
    pub(crate) fn preparation(&mut self, is_possible: bool) -> Result<()> {
        let (node, hot) = (Arc::clone(&self.chain.node), self.chain.wallets.hot.clone());
        self.again_and_again(HELPING_MAX, |stage| {
            token::revoke(&node, &hot)?;
            if is_possible {
                return Ok(());
            }
            if let Some((held, _)) = stage.catch(&hot, token::is_approval)? {
                chain::mine_without(&node, token::REFUSAL)?;
                drop(held);
            }
            Ok(())
        })
    }

    /// The wallet's coins are taken out of it, by the ledger and on the chain, while payouts wait
    /// that need some. If bringing others is to fail, the wallet refuses them once.
    pub(crate) fn shortage(&mut self, is_mended: bool) -> Result<()> {
        let node = Arc::clone(&self.chain.node);
        let hot = self.chain.wallets.hot.clone();
        let station = self.chain.wallets.station.clone().context("there is no station")?;
        self.again_and_again(HELPING_MAX, |stage| {
            stage.drain()?;
            if !is_mended {
                let brings = |it: &Value| has(it, "to", &hot);
                if let Some((held, _)) = stage.catch(&station, brings)? {
                    chain::mine_without(&node, &hot)?;
                    drop(held);
                }
            }
            let (chain, random) = (&stage.chain, &mut stage.random);
            let drawn = chain.draw_in(random, Company::Tokens, 1, End::Paid, None)?;
            stage.ask(&drawn)
        })
    }

    /// Leaves out the wallet's next number, while the gateway does not run: its database says that it
    /// was used, as one does that was put back from the copy of another, and the chain does not.
    pub(crate) fn skip_a_number(&mut self) -> Result<()> {
        self.chain.skipped = Some(self.gateway.skip_a_number("ethereum/hot")?);
        Ok(())
    }

    /// The number that was left out is filled. It may be that somebody else uses it first.
    pub(crate) fn gap(&mut self, is_taken: bool) -> Result<()> {
        if !is_taken {
            return self.await_death(DEATH_MAX);
        }
        for again in 0..HELPINGS {
            if again > 0 {
                // It was filled before anybody could use it.
                gateway::kill(&self.process);
                self.skip_a_number()?;
                self.gateway.start_armed(&self.armed)?;
            }
            self.take_what_was_skipped()?;
            self.await_death(HELPING_MAX)?;
            if self.has_died()? {
                break;
            }
        }
        Ok(())
    }

    /// Uses the number that was left out while the wallet's own transaction with it waits.
    fn take_what_was_skipped(&self) -> Result<()> {
        let (node, hot) = (&self.chain.node, &self.chain.wallets.hot);
        // What comes before it must be final; then nothing is to move any more.
        let is_next = || {
            let (latest, settled) =
                (chain::count_of(node, hot, "latest")?, chain::count_of(node, hot, "finalized")?);
            Ok((latest == settled && Some(latest) == self.chain.skipped).then_some(()))
        };
        if self.look(CATCH_MAX, is_next)?.is_none() {
            return Ok(());
        }
        let _held = self.chain.hold();
        let fills = |it: &Value| has(it, "to", hot) && has(it, "input", "0x");
        let fill = || chain::waiting_for(node, hot, fills);
        if let Some(fill) = self.look(CATCH_MAX, fill)? {
            chain::take_numbers(node, hot, &[fill])?;
        }
        Ok(())
    }

    /// Holds the chain still once a transaction waits that is what is looked for. It may be in a
    /// block before it is seen; holding the chain before would hold up what must be final first.
    fn catch(
        &self,
        wallet: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> Result<Option<(MutexGuard<'_, ()>, Waiting)>> {
        self.look(CATCH_MAX, || {
            if chain::waiting_for(&self.chain.node, wallet, &is_it)?.is_none() {
                return Ok(None);
            }
            let held = self.chain.hold();
            let found = chain::waiting_for(&self.chain.node, wallet, &is_it)?;
            Ok(found.map(|waiting| (held, waiting)))
        })
    }

    /// Waits until the wallet has coins, no number is left out any more, and fees are not what they
    /// came to in scenes before: while the chain is held still it would wait for all that in vain.
    pub(crate) fn calm(&self) -> Result<()> {
        let (node, hot) = (&self.chain.node, &self.chain.wallets.hot);
        let is_calm = || {
            let is_filled = match self.chain.skipped {
                Some(number) => chain::count_of(node, hot, "latest")? > number,
                None => true,
            };
            let has = chain::coins_of(node, hot, "finalized")?;
            Ok((has >= BELOW_WEI && is_filled).then_some(()))
        };
        self.look(DEATH_MAX, is_calm)?;
        chain::lower_base_fee(&self.chain.node)
    }

    /// Takes the coins out of the wallet, if it has been brought what it last needed; says whether.
    pub(crate) fn drain(&self) -> Result<bool> {
        let (node, hot) = (Arc::clone(&self.chain.node), self.chain.wallets.hot.clone());
        if chain::coins_of(&node, &hot, "finalized")? < BELOW_WEI {
            return Ok(false);
        }
        let held = self.chain.hold();
        let has = chain::coins_of(&node, &hot, "latest")?;
        let taken = has.saturating_sub(REST_WEI);
        if taken > 0 {
            let (asset, amount) = (ETH.id, coins(taken));
            let lane = ["--lane", "ethereum/hot", "--note", "the kill test takes them"];
            self.gateway.operate(&[&["house", "withdraw", asset, &amount], &lane[..]].concat())?;
            node.set_balance(&hot, has - taken)?;
            node.mine()?;
        }
        drop(held);
        Ok(taken > 0)
    }

    /// Leaves the station one more coin for the day, and makes the wallet short of coins: it must be
    /// brought that one and no other.
    pub(crate) fn limit_a_day(&mut self) -> Result<()> {
        let (node, hot) = (Arc::clone(&self.chain.node), self.chain.wallets.hot.clone());
        self.gateway.start()?;
        let rich = || Ok((chain::coins_of(&node, &hot, "finalized")? >= BELOW_WEI).then_some(()));
        ensure!(self.look(DEATH_MAX, rich)?.is_some(), "the wallet is not brought coins");
        gateway::kill(&self.process);
        let brought = top_ups::sum(
            &self.chain.wallets,
            &audit::look(&node, &self.chain.wallets, &self.plan)?,
        );
        let limit = brought + WEI_PER_COIN;
        self.gateway.limit_a_day(&coins(limit))?;
        self.chain.limit = limit;
        self.gateway.start()?;
        ensure!(self.drain()?, "the wallet has no coins");
        let some = || {
            let has = chain::coins_of(&node, &hot, "finalized")?;
            Ok((has > WEI_PER_COIN / 2).then_some(()))
        };
        let is_brought = self.look(DEATH_MAX, some)?.is_some();
        gateway::kill(&self.process);
        ensure!(is_brought, "what is left of the day's limit is not brought");
        Ok(())
    }
}

/// Whether a transaction has this, in letters of whatever size.
fn has(transaction: &Value, key: &str, text: &str) -> bool {
    transaction[key].as_str().is_some_and(|it| it.eq_ignore_ascii_case(text))
}
