//! The Bitcoin family: a node of Bitcoin or of Litecoin in the regression test mode.
//!
//! The gateway believes that it pays on the main network (the first block is another one by its
//! configuration): what is paid is a script, of which the networks have different spellings only. Its
//! wallet's key is one that the test knows, so that somebody else can spend the wallet's coins.

mod audit;
mod coin;
mod market;
mod node;
mod plan;
mod points;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use bitcoin::{
    CompressedPublicKey, NetworkKind, PrivateKey, ScriptBuf,
    secp256k1::{Secp256k1, SecretKey},
};

use super::{
    api::Api,
    chain::{Around, Chain, Files, Seen},
    gateway::Gateway,
    miner::Miner,
    proxy::Handover,
    random::Random,
    workload::{Wanted, lock},
};
use audit::Findings;
pub(super) use coin::Coin;
use market::Market;
use node::Node;
use plan::Draw;

/// The key of the wallet, which is worth nothing.
const SECRET: [u8; 32] = [0x42; 32];

/// What the wallet's coins are worth at first, in whole ones: several, so that several batches can be
/// on their way side by side, and so few that change is spent before it is in a block.
const COINS: [u64; 4] = [3, 6, 9, 12];
/// How many of them are the merchant's, in whole ones; the others are the house's.
const MERCHANT_COINS: u64 = 25;
/// One coin, in satoshi.
const COIN_SAT: u64 = 100_000_000;

/// How long it is from one block to the next: long enough that several transactions wait for one.
const PAUSE: Duration = Duration::from_millis(600);

/// What a virtual byte costs that is nothing special, in satoshi.
const USUAL_SAT: u64 = 10;
/// The least and the most that deaths make of it.
const PRICES_SAT: (u64, u64) = (4, 60);
/// The operator's cap.
const CAP_SAT: u64 = 200;

/// How many blocks are enough for whatever is paid here of either coin, the transaction's own counted.
const FINAL_BLOCKS: usize = 6;

/// The most payouts of one transaction: of four that come together one is left over.
const BATCH_MAX: usize = 3;
/// How long a payout waits for others, in milliseconds.
const WAIT_MS: u64 = 150;

/// The chain, and what of it is the gateway's.
pub(crate) struct Bitcoin {
    coin: Coin,
    node: Arc<Node>,
    market: Market,
    miner: Miner,
    /// The wallet's script.
    lane: ScriptBuf,
    /// Its address on the main network.
    address: String,
    /// Its key as nodes of the regression test network read it.
    key: String,
    prices: Mutex<Random>,
    is_for_points: bool,
}

impl Bitcoin {
    /// Starts a chain whose blocks are made by a thread.
    ///
    /// # Errors
    /// If the node does not start.
    pub(crate) fn start(folder: &Path, coin: Coin, is_for_points: bool) -> Result<Self> {
        let node = Arc::new(Node::start(coin, &folder.join("node"))?);
        let market = Market::start(node.address, USUAL_SAT)?;
        let key = PrivateKey::new(SecretKey::from_slice(&SECRET)?, NetworkKind::Test);
        let public = CompressedPublicKey::from_private_key(&Secp256k1::new(), &key)?;
        let lane = ScriptBuf::new_p2wpkh(&public.wpubkey_hash());
        let values: Vec<u64> = COINS.iter().map(|it| it * COIN_SAT).collect();
        node.pay(&lane, &values)?;
        let hand = Arc::clone(&node);
        // A node that does not answer is found out by whoever asks it for something.
        let miner = Miner::start(PAUSE, move || drop(hand.mine()));
        let address = plan::witness_address(coin, &lane);
        let prices = Mutex::new(Random::new(0));
        let key = key.to_wif();
        Ok(Self { coin, node, market, miner, lane, address, key, prices, is_for_points })
    }

    /// Pays coins of so many satoshi to the wallet, and books them as the house's.
    fn give(&self, gateway: &Gateway, values_sat: &[u64]) -> Result<()> {
        self.node.pay(&self.lane, values_sat)?;
        let sum = values_sat.iter().map(|it| u128::from(*it)).sum();
        let (asset, lane) = (self.coin.asset(), self.lane_id());
        let fund = ["fund", asset.id, &asset.text(sum), "--lane", &lane, "--house"];
        gateway.operate(&fund).map(drop)
    }

    fn lane_id(&self) -> String {
        format!("{}/hot", self.coin.network())
    }

    fn read(&self, plan: &[Wanted]) -> Result<Findings> {
        audit::read(&self.node.blocks()?, &self.lane, plan)
    }
}

impl Chain for Bitcoin {
    fn node(&self) -> SocketAddr {
        self.market.address
    }

    fn handover(&self) -> Handover {
        Handover::Method("sendrawtransaction")
    }

    fn files(&self, around: Around) -> Files {
        vec![("vyplata.toml", configuration(self.coin, self.is_for_points, around))]
    }

    fn found(&mut self, gateway: &Gateway) -> Result<()> {
        gateway.operate(&["keys", "init"])?;
        gateway.import_key("hot", &hex::encode(SECRET))?;
        let wallets = gateway.wallets()?;
        let address = wallets.first().context("there is no wallet")?;
        ensure!(*address == self.address, "the wallet is {address}, and not {}", self.address);
        Ok(())
    }

    fn book(&self, gateway: &Gateway, receiver: SocketAddr) -> Result<Api> {
        let asset = self.coin.asset();
        let api = gateway.merchant("shop", receiver, asset)?;
        let house = COINS.iter().sum::<u64>() - MERCHANT_COINS;
        let lane = self.lane_id();
        let fund = |coins: u64, whose: &[&str]| {
            let amount = coins.to_string();
            let arguments = ["fund", asset.id, &amount, "--lane", &lane];
            gateway.operate(&[&arguments, whose].concat()).map(drop)
        };
        fund(MERCHANT_COINS, &["--merchant", "shop"])?;
        fund(house, &["--house"])?;
        Ok(api)
    }

    fn draw(&self, count: usize, seed: u64) -> Result<Vec<Wanted>> {
        Ok(Draw::new(self.coin, &self.address, seed).mixed(count))
    }

    fn upset(&self) -> Result<()> {
        let (least, most) = PRICES_SAT;
        let before = self.market.price();
        let drawn = least + lock(&self.prices).below(most - least);
        // Another one in any case.
        self.market.set(if drawn == before { most } else { drawn });
        Ok(())
    }

    fn overpaid(&self, plan: &[Wanted]) -> Result<usize> {
        let found = self.read(plan)?;
        let is_more = |wanted: &&Wanted| {
            let sum: u128 = found.payments.get(&wanted.place).into_iter().flatten().sum();
            sum > wanted.units
        };
        Ok(plan.iter().filter(is_more).count())
    }

    fn look(&self, plan: &[Wanted], ledger: &str, is_control: bool) -> Result<Seen> {
        let found = self.read(plan)?;
        let asset = self.coin.asset();
        println!("{}", found.line());
        let mut findings = Vec::new();
        if !is_control {
            findings.extend(found.complaints());
            let held = asset.text(found.held_sat.into());
            let booked = audit::booked(ledger).unwrap_or_default();
            println!("wallet: {held} by its coins, {booked} by the ledger");
            if audit::units(&booked) != audit::units(&held) {
                findings.push(format!("the wallet holds {held}, and the ledger says {booked:?}"));
            }
        }
        Ok(Seen { payments: found.payments, findings })
    }
}

/// The configuration of a gateway.
fn configuration(coin: Coin, is_for_points: bool, around: Around) -> String {
    let (head, node) = (around.head(), around.node);
    let (network, genesis) = (coin.network(), coin.genesis());
    let ticker = coin.asset().ticker.unwrap_or_default();
    let replaces = coin.is_replaced();
    // Where every point is reached there is room for a scene's own while the chain is held still, and
    // wallets are looked after every fifteenth time.
    let (in_flight_max, poll_ms) = if is_for_points { (200, 100) } else { (24, 200) };
    format!(
        r#"{head}
[rates]
{ticker} = "100"

[[network]]
id = "{network}"
rpc = ["http://u:p@{node}"]
poll_ms = {poll_ms}
replace_after_ms = 3000
in_flight_max = {in_flight_max}
batch_max = {BATCH_MAX}
batch_wait_ms = {WAIT_MS}
fee_cap_sat_per_vbyte = {CAP_SAT}
# A transaction may see many deaths, and each changes what others cost.
replacement_budget_percent = 5000
node_replaces = {replaces}
parameters = {{ genesis = "{genesis}" }}

[[lane]]
network = "{network}"
name = "hot"
key = "imported:hot"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_chain_is_read_in_full() {
        if std::env::var_os("RUN_NODE_TESTS").is_none() {
            return;
        }
        for coin in [Coin::Bitcoin, Coin::Litecoin] {
            let name = format!("kill-audit-{}-{}", coin.network(), std::process::id());
            let folder = std::env::temp_dir().join(name);
            let chain = Bitcoin::start(&folder, coin, true).unwrap();
            let held = chain.miner.hold();
            let sum: u64 = COINS.iter().map(|it| it * COIN_SAT).sum();
            let wanted = chain.draw(1, 1).unwrap();
            let script = ScriptBuf::from_hex(&wanted[0].place).unwrap();
            let sat = u64::try_from(wanted[0].units).unwrap();
            for count in 1..=2 {
                chain.node.pay(&script, &[sat]).unwrap();
                let found = chain.read(&wanted).unwrap();
                assert_eq!(found.payments[&wanted[0].place], vec![u128::from(sat); count]);
                assert_eq!((found.held_sat, found.coins), (sum, COINS.len()));
                assert_eq!(found.complaints().len(), 2, "nobody shared, and not the wallet paid");
            }
            let funds = chain.node.blocks().unwrap().into_iter().flat_map(|it| it.txdata);
            let fund = funds.filter(|it| it.output.iter().any(|it| it.script_pubkey == chain.lane));
            let fund: Vec<_> = fund.collect();
            let txid = fund[0].compute_txid();
            let coins = [(bitcoin::OutPoint { txid, vout: 1 }, COINS[1] * COIN_SAT)];
            let thief = chain.node.taken(&chain.lane, &chain.key, &coins).unwrap();
            chain.node.hand_over(&thief).unwrap();
            assert_eq!(chain.roots_of_pool().unwrap().first(), Some(&coins[0]));
            chain.node.mine_only(&[thief]).unwrap();
            chain.node.undo_blocks(1).unwrap();
            chain.node.mine().unwrap();
            let found = chain.read(&wanted).unwrap();
            assert_eq!((found.held_sat, found.coins), (sum, COINS.len()));
            drop(held);
            drop(chain);
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
}
