//! A node, a gateway and a merchant with money.

use std::{
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    Asset, Plan,
    chain::{self, Pace, Watcher},
    flood::Kind,
    load, token,
};
use crate::kill::{
    api::Api,
    evm::{
        self, funds,
        node::{Blocks, Node, quantity},
        setup::{BATCH_MAX, Batching, Setup, WAIT_MS},
    },
    gateway::{self, Gateway, Process},
    http::{self, Message},
    workload::lock,
};

/// How many recipients there are: payouts go to each in turn.
const RECIPIENTS: u32 = 500;
/// How often the gateway looks at a transaction, in milliseconds: as often as there are blocks.
const POLL_MS: u64 = 250;
/// How long a payout waits for others, in milliseconds.
const BATCH_WAIT_MS: u64 = 500;
/// How long the gateway waits until it considers a higher fee, in milliseconds. Four times that
/// later it replaces what the node keeps and does not include: anvil sometimes believes that a
/// transaction waits for an earlier one that is in a block already.
const REPLACE_AFTER_MS: u64 = 5_000;
/// How long nothing may move before the run is given up.
const STANDSTILL_MAX: Duration = Duration::from_mins(1);
/// How often progress is shown.
const SHOWN_EVERY: Duration = Duration::from_secs(2);

/// Everything that runs.
pub(crate) struct Stage {
    /// What is measured.
    pub(crate) plan: Plan,
    /// The node.
    pub(crate) node: Arc<Node>,
    process: Process,
    wallet: String,
    api: Api,
    recipients: Arc<Vec<String>>,
}

/// What came of a run.
pub(crate) struct Paid {
    /// How fast it went.
    pub(crate) pace: Pace,
    /// How fast payouts were accepted.
    pub(crate) creates_per_second: u64,
    /// The most memory that the gateway had.
    pub(crate) memory_kb: u64,
    /// One of its transactions.
    pub(crate) kind: Kind,
}

impl Drop for Stage {
    fn drop(&mut self) {
        gateway::kill(&self.process);
    }
}

impl Stage {
    /// Starts everything and waits until the gateway has prepared what it needs.
    ///
    /// # Errors
    /// If something does not start.
    pub(crate) fn set(anvil: &Path, program: &Path, folder: &Path, plan: Plan) -> Result<Self> {
        let node = Arc::new(Node::start(anvil, Blocks::Limited { gas: plan.gas_limit })?);
        let process = Process::default();
        let nobody = http::free_address()?;
        let shared = Arc::clone(&process);
        let around = (node.address, nobody);
        let Plan { in_flight_max, batching, .. } = plan;
        let setup = Setup { in_flight_max, batching, has_station: false };
        let gateway =
            Gateway::new(program, folder, shared, around, |it| evm::files(setup, it), false)?;
        gateway.reconfigure(|text| configuration(&text, plan))?;
        let wallets = funds::found(&gateway, &node)?;
        let recipients: Vec<String> =
            (1..=RECIPIENTS).map(|it| format!("0x{it:08x}{:032x}", 0xfeed_0000 + it)).collect();
        let births: Vec<_> =
            recipients.iter().map(|it| ("anvil_setBalance", json!([it, "0x1"]))).collect();
        node.ask(&births)?;
        if plan.asset == Asset::Token {
            let accounts = node.call("eth_accounts", &json!([]))?;
            let somebody = accounts[1].as_str().context("a node without accounts")?;
            token::put(&node)?;
            token::deal(&node, somebody, std::slice::from_ref(&wallets.hot), 1_000_000_000_000)?;
            token::deal(&node, somebody, &recipients, 1)?;
        }
        gateway.start()?;
        let api = funds::book(&gateway, &wallets, nobody)?;
        if plan.asset == Asset::Token {
            gateway.operate(&["fund", "USDT@ethereum", "1000000", "--merchant", "shop"])?;
        }
        let wallet = wallets.hot;
        let stage = Self { plan, node, process, wallet, api, recipients: Arc::new(recipients) };
        stage.await_preparations()?;
        Ok(stage)
    }

    fn await_preparations(&self) -> Result<()> {
        let Plan { batching, asset, .. } = self.plan;
        if batching == Batching::Off {
            return Ok(());
        }
        batching.await_preparations(&self.node, &self.wallet, asset == Asset::Token)?;
        // The gateway looks at itself every fifth time that it looks at transactions.
        thread::sleep(Duration::from_millis(POLL_MS * 12));
        Ok(())
    }

    /// The gateway's process.
    ///
    /// # Errors
    /// If it does not run.
    pub(crate) fn gateway_id(&self) -> Result<u32> {
        lock(&self.process).as_ref().map(crate::process::Guarded::id).context("no gateway runs")
    }

    /// Asks for all payouts, and waits until the gateway says that all are paid and the chain does.
    ///
    /// # Errors
    /// If they are not.
    pub(crate) fn pay(&self) -> Result<Paid> {
        let before = self.received()?;
        let watcher = Watcher::start(&self.node, [self.gateway_id()?, self.node.id()]);
        let asking = load::start(&self.api, self.plan.asset, &self.recipients, self.plan.payouts);
        self.await_paid(&asking)?;
        let creates_per_second = asking.join().map_err(|_| anyhow::anyhow!("the load died"))??;
        let pace = watcher.end(&self.node, &self.wallet, self.plan.gas_limit)?;
        let arrived = self.received()? - before;
        let (payouts, amount) = (u128::from(self.plan.payouts), self.amount());
        ensure!(arrived == payouts * amount, "{arrived} arrived of {payouts} times {amount}");
        ensure!(pace.payments == self.plan.payouts, "{} payments were made", pace.payments);
        let memory_kb = memory_kb(self.gateway_id()?)?;
        Ok(Paid { pace, creates_per_second, memory_kb, kind: self.kind()? })
    }

    fn amount(&self) -> u128 {
        match self.plan.asset {
            Asset::Coin => load::AMOUNT_WEI,
            Asset::Token => load::AMOUNT_TOKEN,
        }
    }

    fn await_paid(&self, asking: &thread::JoinHandle<Result<u64>>) -> Result<()> {
        let (mut last, mut moved) = (0, Instant::now());
        loop {
            let paid = self.paid()?;
            eprintln!("  {paid} of {} are paid", self.plan.payouts);
            if paid >= self.plan.payouts {
                return Ok(());
            }
            if paid != last || !asking.is_finished() {
                (last, moved) = (paid, Instant::now());
            }
            ensure!(moved.elapsed() < STANDSTILL_MAX, "nothing moves; see target/throughput");
            thread::sleep(SHOWN_EVERY);
        }
    }

    /// How many payouts the gateway says are paid.
    fn paid(&self) -> Result<u64> {
        let answer = http::exchange(self.api.gateway, &Message::get("/metrics"))?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let figure = "vyplata_events_total{kind=\"final\"} ";
        let line = text.lines().find_map(|it| it.strip_prefix(figure));
        Ok(line.and_then(|it| it.trim().parse().ok()).unwrap_or(0))
    }

    /// What the recipients have, all together.
    fn received(&self) -> Result<u128> {
        let question = |it: &String| match self.plan.asset {
            Asset::Coin => ("eth_getBalance", json!([it, "latest"])),
            Asset::Token => token::balance_question(it),
        };
        let questions: Vec<_> = self.recipients.iter().map(question).collect();
        let mut sum = 0;
        for answer in self.node.ask(&questions)? {
            sum += quantity(&answer)?;
        }
        Ok(sum)
    }

    /// The last transaction of the gateway that made as many payments as any may.
    fn kind(&self) -> Result<Kind> {
        let mut best: Option<(u64, Value)> = None;
        for number in (1..=chain::head(&self.node)?).rev() {
            let block =
                self.node.call("eth_getBlockByNumber", &json!([format!("{number:#x}"), true]))?;
            for transaction in block["transactions"].as_array().into_iter().flatten() {
                let from = transaction["from"].as_str().unwrap_or("");
                let payments = chain::payments_of(transaction);
                let is_more = best.as_ref().is_none_or(|it| payments > it.0);
                if from.eq_ignore_ascii_case(&self.wallet) && is_more {
                    best = Some((payments, transaction.clone()));
                }
            }
            let is_full = |it: &(u64, Value)| {
                self.plan.batching == Batching::Off || it.0 >= self.plan.batch_max
            };
            if best.as_ref().is_some_and(is_full) {
                break;
            }
        }
        let (_, transaction) = best.context("the gateway made no payments")?;
        let receipt = self.node.call("eth_getTransactionReceipt", &json!([transaction["hash"]]))?;
        Ok(Kind { gas: u64::try_from(quantity(&receipt["gasUsed"])?)?, transaction })
    }

    /// Lets `sender` do what the gateway's wallet does; tells whom to send to.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) fn prepare_flood(&self, sender: &str, kind: &Kind) -> Result<String> {
        let to = kind.transaction["to"].as_str().context("a transaction to nobody")?;
        if self.plan.asset == Asset::Token {
            let holder = [sender.to_owned()];
            token::deal(&self.node, sender, &holder, 1_000_000_000_000)?;
        }
        match self.plan.batching {
            Batching::Off => Ok(to.to_owned()),
            Batching::Contract => {
                if self.plan.asset == Asset::Token {
                    token::approve(&self.node, sender, to)?;
                }
                Ok(to.to_owned())
            }
            Batching::Delegate => {
                let code = self.node.call("eth_getCode", &json!([self.wallet, "latest"]))?;
                self.node.call("anvil_setCode", &json!([sender, code]))?;
                Ok(sender.to_owned())
            }
        }
    }
}

fn configuration(text: &str, plan: Plan) -> String {
    let Plan { batching, batch_max, .. } = plan;
    let text = text
        .replace("poll_ms = 200\n", &format!("poll_ms = {POLL_MS}\n"))
        .replace("replace_after_ms = 3000\n", &format!("replace_after_ms = {REPLACE_AFTER_MS}\n"))
        .replace("[rates]\n", "[rates]\nUSDT = \"1\"\n");
    match batching {
        Batching::Off => text,
        Batching::Contract | Batching::Delegate => {
            let instead = batching.lines(batch_max, BATCH_WAIT_MS);
            text.replace(&batching.lines(BATCH_MAX as u64, WAIT_MS), &instead)
        }
    }
}

/// The most memory that a process has had.
fn memory_kb(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap_or("");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().context("no VmHWM")
}
