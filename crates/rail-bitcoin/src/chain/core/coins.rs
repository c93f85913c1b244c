//! What a script has that nothing spends.
//!
//! The wallet knows which outputs may be meant, and the node which of them are there (`gettxout`). The
//! wallet alone would not do: its list (`listunspent`) leaves out coins that blocks made themselves
//! until they may be spent, and those spent by a transaction that it remembers though nobody has it
//! any more; and it hears of what the mempool takes and drops a little later, which is waited for.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, ScriptBuf, Txid};
use domain::ports::Unreachable;
use net::RpcError;
use serde_json::{Value, json};

use super::{
    super::{Coin, amount::exact_sat},
    Core, Spelling,
    follow::check_followed,
    named,
    rpc::{odd, read},
    shapes::{Balances, Entry, Info, Since, TxOut, Unspent},
};

/// How many blocks must be on top of one until what it made itself may be spent, its own counted as
/// the wallet counts.
const MATURITY_BLOCKS: u32 = 100;

/// How often all is asked again because a block came in between.
pub(super) const TRIES: usize = 5;

impl Core {
    /// What nothing spends, not even what waits.
    pub(super) async fn coins_of(&self, script: &ScriptBuf) -> Result<Vec<Coin>, Unreachable> {
        self.coins_with(script, true).await
    }

    /// What is in blocks, whatever waits.
    pub(super) async fn held_by(&self, script: &ScriptBuf) -> Result<u64, Unreachable> {
        let coins = self.coins_with(script, false).await?;
        let sum = coins.iter().try_fold(0_u64, |sum, it| sum.checked_add(it.value_sat));
        sum.ok_or_else(|| odd("gettxout"))
    }

    /// The coins, what waits taken into account or not.
    async fn coins_with(
        &self,
        script: &ScriptBuf,
        has_waiting: bool,
    ) -> Result<Vec<Coin>, Unreachable> {
        let is_legacy = self.open(false).await?;
        let spelling = self.spelling(script).await?;
        for _ in 0..TRIES {
            let coins = self.coins_now(script, &spelling, is_legacy, has_waiting).await?;
            if let Some(coins) = coins {
                return Ok(coins);
            }
        }
        tracing::warn!("blocks come faster than the node tells a wallet's coins");
        Err(Unreachable)
    }

    /// The coins; nothing if a block came in between.
    async fn coins_now(
        &self,
        script: &ScriptBuf,
        spelling: &Spelling,
        is_legacy: bool,
        has_waiting: bool,
    ) -> Result<Option<Vec<Coin>>, Unreachable> {
        let calls = [("getblockchaininfo", json!([])), ("getbalances", json!([]))];
        let mut told = self.ask_settled(&calls).await?.into_iter();
        let info: Info = read("getblockchaininfo", told.next())?;
        let balances: Balances = read("getbalances", told.next())?;
        // A busy wallet has thousands of lines in so many blocks, and hardly ever what they are for.
        let depth = if balances.has_immature() { MATURITY_BLOCKS } else { 0 };
        let since = self.hash_at(info.blocks.saturating_sub(depth)).await?;
        let since = json!({"blockhash": since.to_string(), "include_removed": false});
        let calls = [
            ("getaddressinfo", json!([spelling.address])),
            ("listunspent", json!([0, 9_999_999, [], true])),
            ("listsinceblock", named(is_legacy, since)),
        ];
        let mut told = self.ask(&calls).await?.into_iter();
        check_followed(told.next())?;
        let unspent: Vec<Value> = read("listunspent", told.next())?;
        let Since { transactions } = read("listsinceblock", told.next())?;
        let mut meant = listed(script, unspent)?;
        let immature = transactions.iter().filter(|it| it.category == "immature");
        let outpoint = |it: &Entry| Some(OutPoint { txid: it.txid, vout: it.vout? });
        let immature: BTreeSet<OutPoint> = immature.filter_map(outpoint).collect();
        meant.extend(&immature);
        let waiting = transactions.iter().filter(|it| it.confirmations == 0);
        let waiting: BTreeSet<Txid> = waiting.map(|it| it.txid).collect();
        for known in self.known(waiting, is_legacy).await? {
            let inputs = known.tx.input.iter().map(|it| it.previous_output);
            meant.extend(inputs.filter(|it| !it.is_null()));
            let outputs = (0_u32..).zip(&known.tx.output);
            let ours = outputs.filter(|(_, it)| it.script_pubkey == *script);
            meant.extend(ours.map(|(vout, _)| OutPoint { txid: known.txid, vout }));
        }
        let mut coins = self.there(script, meant, &info, has_waiting).await?;
        // Litecoin's blocks have one more transaction that they make themselves, for what leaves
        // the confidential part; what it pays is immature for six blocks.
        for coin in coins.iter_mut().flatten() {
            coin.is_coinbase |= immature.contains(&coin.outpoint);
        }
        Ok(coins)
    }

    /// Those of these outputs that are the script's and that nothing spends; nothing if a block came
    /// in between.
    async fn there(
        &self,
        script: &ScriptBuf,
        meant: BTreeSet<OutPoint>,
        info: &Info,
        has_waiting: bool,
    ) -> Result<Option<Vec<Coin>>, Unreachable> {
        let of = |it: &OutPoint| ("gettxout", json!([it.txid.to_string(), it.vout, has_waiting]));
        let calls: Vec<(&'static str, Value)> = meant.iter().map(of).collect();
        let told: Vec<Result<Value, RpcError>> = self.ask(&calls).await?;
        let mut coins = vec![];
        for (outpoint, told) in meant.into_iter().zip(told) {
            let output: Option<TxOut> = read("gettxout", Some(told))?;
            let Some(output) = output else { continue };
            if output.newest != info.hash {
                return Ok(None);
            }
            if output.script.hex == script.to_hex_string() {
                let coin = coin_of(outpoint, &output, info.blocks);
                coins.push(coin.ok_or_else(|| odd("gettxout"))?);
            }
        }
        Ok(Some(coins))
    }
}

/// The script's outputs among those that the wallet lists.
fn listed(script: &ScriptBuf, unspent: Vec<Value>) -> Result<BTreeSet<OutPoint>, Unreachable> {
    let method = "listunspent";
    let script = Value::String(script.to_hex_string());
    let mut outpoints = BTreeSet::new();
    for value in unspent.into_iter().filter(|it| it.get("scriptPubKey") == Some(&script)) {
        let unspent: Unspent = read(method, Some(Ok(value)))?;
        outpoints.insert(OutPoint { txid: unspent.txid, vout: unspent.vout });
    }
    Ok(outpoints)
}

fn coin_of(outpoint: OutPoint, output: &TxOut, newest: u32) -> Option<Coin> {
    let height = match output.confirmations {
        0 => None,
        confirmations => Some(newest.checked_add(1)?.checked_sub(confirmations)?),
    };
    let value_sat = exact_sat(&output.value)?;
    Some(Coin { outpoint, value_sat, height, is_coinbase: output.coinbase })
}
