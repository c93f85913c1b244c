//! TRON: the test node of this workspace, in this very process, with Tether's kind of a token.
//!
//! Blocks come four a second, whatever moment they say that they were made at, and one is final when
//! four more stand on it. A transaction lives for five blocks; [`moods`] says what becomes of some. Where
//! every point is reached, blocks are made without moods, and a second wallet brings coins to the one
//! that pays; in the end no more than the day's limit leaves.

mod audit;
mod moods;
mod plan;
mod points;
mod sent;
mod setup;
mod token;
mod top_ups;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tron_node::{Address, TronNode, TxId};

use super::{
    api::Api,
    chain::{Around, Chain, Files, Seen},
    gateway::Gateway,
    http::{self, Message},
    miner::Miner,
    native,
    proxy::Handover,
    random::Random,
    workload::{Asset, Wanted, lock},
};
use audit::Findings;
use moods::Moods;
use plan::Draw;
use sent::Sent;
use setup::{DAILY_MAX_SUN, HOT, STATION, Wallets};
use token::Contracts;

/// The coin.
const TRX: Asset = Asset { id: "TRX@tron", ticker: Some("TRX"), decimals: 6 };
/// What is paid of the token.
const TOKEN: Asset = Asset { id: "TOKEN@tron", ticker: None, decimals: 6 };

/// How long it is from one block to the next.
const PAUSE: Duration = Duration::from_millis(250);

/// How many blocks stand on one until it is final.
const LAG_BLOCKS: i64 = 4;

/// The chain, and what of it is the gateway's.
pub(crate) struct Tron {
    node: Arc<TronNode>,
    address: SocketAddr,
    contracts: Contracts,
    wallets: Option<Wallets>,
    miner: Miner,
    /// What is drawn from while the gateway is dead.
    upsets: Mutex<Random>,
    is_for_points: bool,
    /// What was taken out of the wallet that pays, in sun, each time after the block of that number.
    drained: Mutex<Vec<(i64, u128)>>,
    /// The most that the station may bring within the day, in sun.
    limit: u128,
}

impl Tron {
    /// Starts a chain whose blocks are made by a thread, whose moods are drawn from the seed. Where every
    /// point is reached it has none, and can be held still.
    ///
    /// # Errors
    /// If the node does not say where it is.
    pub(crate) fn start(seed: u64, is_for_points: bool) -> Result<Self> {
        let node = Arc::new(TronNode::start(setup::options()));
        let url = node.url();
        let address = url.strip_prefix("http://").with_context(|| url.clone())?.parse()?;
        let contracts = node.chain(|chain| {
            let contracts = Contracts::deploy(chain);
            moods::settle(chain);
            contracts
        })?;
        let hand = Arc::clone(&node);
        let moods = Mutex::new(Moods::new(seed ^ 0x6d6f_6f64));
        let miner = Miner::start(PAUSE, move || {
            hand.chain(|chain| if is_for_points { chain.mine() } else { lock(&moods).mine(chain) });
        });
        Ok(Self {
            node,
            address,
            contracts,
            wallets: None,
            miner,
            upsets: Mutex::new(Random::new(seed ^ 0x7570_7365)),
            is_for_points,
            drained: Mutex::default(),
            limit: DAILY_MAX_SUN,
        })
    }

    fn wallets(&self) -> Result<Wallets> {
        self.wallets.context("there are no wallets yet")
    }

    /// Draws payouts, and gives their recipients what they have before.
    fn drawn(&self, seed: u64, what: impl FnOnce(&mut Draw) -> Vec<Wanted>) -> Result<Vec<Wanted>> {
        let mut draw = Draw::new(self.contracts, self.wallets()?, seed);
        let plan = what(&mut draw);
        self.give(&draw, &plan)?;
        Ok(plan)
    }

    /// Gives recipients what they have before.
    fn give(&self, draw: &Draw, plan: &[Wanted]) -> Result<()> {
        self.node.chain(|chain| {
            for wanted in plan.iter().filter(|it| it.gift > 0) {
                chain.fund(plan::recipient(wanted)?, i64::try_from(wanted.gift)?);
            }
            draw.blacklist.iter().for_each(|it| self.contracts.blacklist(chain, it));
            Ok(())
        })
    }

    /// What waits and was handed over by the wallet that pays.
    fn paying(&self) -> Result<Vec<(TxId, Sent)>> {
        let hot = self.wallets()?.hot;
        Ok(self.node.chain(|chain| {
            let pending = chain.pending();
            let mut found: Vec<(TxId, Sent)> = Vec::new();
            // What is handed over again is there again.
            for received in chain.received().iter().rev() {
                let is_new = found.iter().all(|it| it.0 != received.txid);
                if found.len() < pending.len() && is_new && pending.contains(&received.txid) {
                    let sent = Sent::read(&received.bytes).filter(|it| it.from == hot);
                    found.extend(sent.map(|it| (received.txid, it)));
                }
            }
            found
        }))
    }

    /// What a wallet has of the coin as of the newest final block, in sun.
    fn final_coins(&self, wallet: &Address) -> Result<u128> {
        let question = json!({ "address": wallet.to_string(), "visible": true });
        let request = Message::post("/walletsolidity/getaccount", question.to_string());
        let answer: Value = serde_json::from_slice(&http::exchange(self.address, &request)?.body)?;
        Ok(u128::from(answer["balance"].as_u64().unwrap_or_default()))
    }

    fn read(&self, plan: &[Wanted]) -> Result<Findings> {
        let wallets = self.wallets()?;
        self.node.chain(|chain| audit::read(chain, wallets, self.contracts, plan))
    }

    /// Says where the ledger, by the gateway's words, and the chain differ.
    fn differences(&self, ledger: &str) -> Result<Vec<String>> {
        let Wallets { hot, station } = self.wallets()?;
        let lanes = [(HOT, Some(hot)), (STATION, station)];
        let mut differences = Vec::new();
        for (lane, wallet) in lanes {
            let Some(wallet) = wallet else { continue };
            for asset in [TRX, TOKEN] {
                let held = self.node.chain(|it| self.contracts.holding(it, asset, &wallet))?;
                let held = native::text(asset, held);
                let booked = audit::booked(ledger, lane, asset.id).unwrap_or("0");
                println!("{lane}: {held} {} on the chain, {booked} by the ledger", asset.id);
                if booked != held {
                    let what = format!("{lane} holds {held} {}, and not {booked}", asset.id);
                    differences.push(what);
                }
            }
        }
        Ok(differences)
    }
}

impl Chain for Tron {
    fn node(&self) -> SocketAddr {
        self.address
    }

    fn handover(&self) -> Handover {
        Handover::Path("/wallet/broadcasthex")
    }

    fn files(&self, around: Around) -> Files {
        let configuration = setup::configuration(self.is_for_points, around);
        let catalog = setup::catalog(self.contracts);
        vec![("tokens.toml", catalog), ("vyplata.toml", configuration)]
    }

    fn found(&mut self, gateway: &Gateway) -> Result<()> {
        let wallets = Wallets::found(gateway)?;
        self.node.chain(|chain| wallets.fund(chain, self.contracts))?;
        self.wallets = Some(wallets);
        Ok(())
    }

    fn book(&self, gateway: &Gateway, receiver: SocketAddr) -> Result<Api> {
        self.wallets()?.book(gateway, receiver)
    }

    fn draw(&self, count: usize, seed: u64) -> Result<Vec<Wanted>> {
        self.drawn(seed, |it| it.mixed(count))
    }

    fn upset(&self) -> Result<()> {
        self.node.chain(|chain| moods::upset(chain, &mut lock(&self.upsets)));
        Ok(())
    }

    fn overpaid(&self, plan: &[Wanted]) -> Result<usize> {
        self.node.chain(|chain| {
            let mut count = 0;
            for wanted in plan.iter().filter(|it| it.place == audit::own_place(it)) {
                count += usize::from(audit::got(chain, self.contracts, wanted)? > wanted.units);
            }
            Ok(count)
        })
    }

    fn look(&self, plan: &[Wanted], ledger: &str, is_control: bool) -> Result<Seen> {
        let found = self.read(plan)?;
        println!("{}", found.line());
        let mut findings = Vec::new();
        if !is_control {
            findings.extend(found.complaints.iter().cloned());
            findings.extend(self.differences(ledger)?);
            if self.is_for_points {
                let first = self.wallets()?.coins_first();
                let drained = lock(&self.drained);
                findings.extend(top_ups::complaints(&found, first, &drained, self.limit));
            } else if found.anew == 0 {
                findings
                    .push("nothing had to be made anew: the dangerous path was not taken".into());
            }
        }
        Ok(Seen { payments: found.payments, findings })
    }
}

/// Says that this chain has no coin of that name.
///
/// # Errors
/// Always, unless it is the one that it has.
pub(super) fn check_coin(coin: &str) -> Result<()> {
    match coin {
        "" | "trx" => Ok(()),
        other => bail!("the rail tron is tested with its own coin, and not with {other:?}"),
    }
}
