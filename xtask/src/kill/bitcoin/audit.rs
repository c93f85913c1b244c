//! Counts what the chain says, whatever the gateway says.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use bitcoin::{Block, OutPoint, ScriptBuf, Transaction};

use super::plan::own_place;
use crate::kill::{judge::Payments, workload::Wanted};

/// What the blocks say.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What each recipient got out of the wallet, by its script or by [`own_place`].
    pub(super) payments: Payments,
    /// What is left in the wallet, in satoshi.
    pub(super) held_sat: u64,
    /// How many coins that are.
    pub(super) coins: usize,
    /// How many transactions spent coins of the wallet.
    sent: usize,
    /// How many of them paid several recipients.
    shared: usize,
    /// How many spent what another one of the same block made.
    hurried: usize,
    /// What recipients of the plan were paid by somebody else.
    foreign: usize,
}

impl Findings {
    /// What was seen, in words.
    pub(super) fn line(&self) -> String {
        let Self { sent, shared, hurried, .. } = self;
        format!(
            "transactions of the wallet: {sent}, {shared} of them paid several, {hurried} spent \
             what was in no block before"
        )
    }

    /// What is wrong that is not about a payout.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.shared == 0 {
            complaints.push("no payouts shared a transaction".into());
        }
        if self.foreign > 0 {
            complaints.push(format!("{} payments came from somebody else", self.foreign));
        }
        complaints
    }
}

/// Reads all transactions of a chain's blocks, the oldest first.
///
/// # Errors
/// If the chain contradicts itself.
pub(super) fn read(blocks: &[Block], lane: &ScriptBuf, plan: &[Wanted]) -> Result<Findings> {
    let mut reading = Reading {
        lane,
        places: plan.iter().map(|it| it.place.as_str()).collect(),
        coins: BTreeMap::new(),
        found: Findings::default(),
    };
    for (height, block) in blocks.iter().enumerate() {
        for transaction in &block.txdata {
            reading.take_in(height, transaction)?;
        }
    }
    let Reading { coins, mut found, .. } = reading;
    found.coins = coins.len();
    found.held_sat = coins.values().map(|it| it.1).sum();
    Ok(found)
}

struct Reading<'a> {
    lane: &'a ScriptBuf,
    places: BTreeSet<&'a str>,
    /// The wallet's coins: in which block each was made, and what it is worth in satoshi.
    coins: BTreeMap<OutPoint, (usize, u64)>,
    found: Findings,
}

impl Reading<'_> {
    fn take_in(&mut self, height: usize, transaction: &Transaction) -> Result<()> {
        let inputs = transaction.input.iter();
        let spent: Vec<_> =
            inputs.filter_map(|it| self.coins.remove(&it.previous_output)).collect();
        // Whoever spends coins of the wallet beside others is somebody else with its key.
        let is_ours = !spent.is_empty() && spent.len() == transaction.input.len();
        let txid = transaction.compute_txid();
        let mut payments = 0;
        for (vout, output) in (0_u32..).zip(&transaction.output) {
            let sat = output.value.to_sat();
            let mut place = output.script_pubkey.to_hex_string();
            if output.script_pubkey == *self.lane {
                let coin = OutPoint { txid, vout };
                let is_new = self.coins.insert(coin, (height, sat)).is_none();
                ensure!(is_new, "{coin} was made twice");
                place = own_place(sat.into());
            }
            if !self.places.contains(place.as_str()) {
                continue;
            }
            payments += 1;
            self.found.foreign += usize::from(!is_ours);
            self.found.payments.entry(place).or_default().push(sat.into());
        }
        self.found.sent += usize::from(is_ours);
        self.found.shared += usize::from(is_ours && payments > 1);
        self.found.hurried += usize::from(is_ours && spent.iter().any(|it| it.0 == height));
        Ok(())
    }
}

/// What the ledger says that the wallet holds, out of what the gateway prints when it compares the
/// two: `bitcoin/hot  BTC@bitcoin  ledger 1.5  chain 1.5  agree`.
pub(super) fn booked(printed: &str) -> Option<String> {
    let mut words = printed.split_whitespace();
    words.find(|it| *it == "ledger")?;
    words.next().map(String::from)
}

/// Reads an amount in whole coins and up to eight decimals, in satoshi.
pub(super) fn units(text: &str) -> Option<u128> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let decimals = format!("{decimals:0<8}");
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let is_amount = is_number(whole) && is_number(&decimals) && decimals.len() == 8;
    is_amount.then(|| format!("{whole}{decimals}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use bitcoin::{
        Amount, Sequence, TxIn, TxOut, Txid, Witness, absolute, hashes::Hash as _, transaction,
    };

    use super::*;

    fn script(number: u8) -> ScriptBuf {
        ScriptBuf::from_bytes(vec![0x51, number])
    }

    fn spending(coins: &[OutPoint], outputs: &[(u8, u64)]) -> Transaction {
        let input = |it: &OutPoint| TxIn {
            previous_output: *it,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        };
        let output =
            |it: &(u8, u64)| TxOut { value: Amount::from_sat(it.1), script_pubkey: script(it.0) };
        Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::ZERO,
            input: coins.iter().map(input).collect(),
            output: outputs.iter().map(output).collect(),
        }
    }

    fn outpoint(transaction: &Transaction, vout: u32) -> OutPoint {
        OutPoint { txid: transaction.compute_txid(), vout }
    }

    fn wanted(place: String) -> Wanted {
        let mut all = super::super::Draw::new(super::super::Coin::Bitcoin, "", 1).payouts(1);
        Wanted { place, ..all.remove(0) }
    }

    #[test]
    fn payments_change_and_what_is_left_are_counted() {
        let lane = script(0);
        let plan = [wanted(script(1).to_hex_string()), wanted(own_place(7))];
        let mut reading = Reading {
            lane: &lane,
            places: plan.iter().map(|it| it.place.as_str()).collect(),
            coins: BTreeMap::new(),
            found: Findings::default(),
        };
        let somewhere = OutPoint { txid: Txid::all_zeros(), vout: 0 };
        let fund = spending(&[somewhere], &[(0, 100), (0, 50), (9, 3)]);
        let first = spending(&[outpoint(&fund, 0)], &[(1, 10), (2, 5), (0, 80)]);
        let second = spending(&[outpoint(&first, 2)], &[(0, 7), (1, 11), (0, 60)]);
        let thief = spending(&[outpoint(&fund, 1), outpoint(&fund, 2)], &[(0, 50), (1, 1)]);
        for (height, transaction) in [(1, &fund), (2, &first), (2, &second), (3, &thief)] {
            reading.take_in(height, transaction).unwrap();
        }
        let expected = [(own_place(7), vec![7]), (script(1).to_hex_string(), vec![10, 11, 1])];
        assert_eq!(reading.found.payments, Payments::from(expected));
        let Findings { sent, shared, hurried, foreign, .. } = reading.found;
        assert_eq!((sent, shared, hurried, foreign), (2, 1, 1, 1));
        assert_eq!(reading.coins.values().map(|it| it.1).sum::<u64>(), 117);
    }

    #[test]
    fn the_ledger_s_words_are_read() {
        let line = "bitcoin/hot  BTC@bitcoin  ledger 1.5  chain 2  on its way: 0.5\n";
        assert_eq!(booked(line).as_deref(), Some("1.5"));
        assert_eq!(booked("chain 1"), None);
        assert_eq!(units("1.5"), Some(150_000_000));
        assert_eq!(units("10"), Some(1_000_000_000));
        assert_eq!(units("0.00000001"), Some(1));
        for wrong in ["", "-1", "1.123456789", "x", "1.x"] {
            assert_eq!(units(wrong), None, "{wrong}");
        }
    }
}
