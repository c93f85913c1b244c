//! Counts what the chain says, whatever the gateway says.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use tron_node::{Address, Chain, Ended, Receipt, TxId};

use super::{
    TOKEN, TRX,
    plan::{place, recipient},
    sent::{Sent, account, number},
    setup::Wallets,
    token::Contracts,
};
use crate::kill::{judge::Payments, workload::Wanted};

/// The hash of `Transfer(address,address,uint256)`, as far as it is needed.
const TRANSFER: [u8; 4] = [0xdd, 0xf2, 0x52, 0xad];

/// What the chain says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// What each recipient got out of the wallets, by its place.
    pub(super) payments: Payments,
    /// What one wallet brought the other.
    pub(super) transfers: Vec<Transfer>,
    /// By how many sun the wallet that pays became richer or poorer, and in which block.
    pub(super) flows: Vec<(i64, i128)>,
    /// How many transactions of the wallets are in blocks.
    pub(super) sent: usize,
    /// How many of them were undone.
    pub(super) undone: usize,
    /// How many were handed over and are in none.
    pub(super) lapsed: usize,
    /// How many were made for payments that others had been made for before.
    pub(super) anew: usize,
    /// What is wrong that is not about a payout.
    pub(super) complaints: Vec<String>,
}

/// Coins that were brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    /// In which block.
    pub(super) block: i64,
    /// How many, in sun.
    pub(super) sun: u128,
}

/// What became of a transaction in a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outcome {
    block: i64,
    is_undone: bool,
    fee_sun: u128,
    /// What the token says that it moved: from whom, to whom, and how much.
    moved: Vec<(Address, Address, u128)>,
}

/// Whose payments are counted.
struct Reading<'a> {
    wallets: Wallets,
    places: BTreeSet<&'a str>,
    found: Findings,
}

impl Findings {
    /// What was seen, in words.
    pub(super) fn line(&self) -> String {
        let Self { sent, undone, lapsed, anew, .. } = self;
        format!(
            "transactions of the wallets: {sent} in blocks, {undone} of them undone; {lapsed} were \
             handed over and are in none, {anew} were made for payments that others had been made for"
        )
    }
}

/// Reads all blocks that were not undone, and all that was ever handed over. Checks the sums against
/// the recipients' balances.
///
/// # Errors
/// If the chain contradicts itself.
pub(super) fn read(
    chain: &Chain,
    wallets: Wallets,
    contracts: Contracts,
    plan: &[Wanted],
) -> Result<Findings> {
    let places = plan.iter().map(|it| it.place.as_str()).collect();
    let mut reading = Reading { wallets, places, found: Findings::default() };
    let mut handed_over: BTreeMap<TxId, Sent> = BTreeMap::new();
    for received in chain.received() {
        match Sent::read(&received.bytes) {
            Some(sent) => drop(handed_over.insert(received.txid, sent)),
            None => reading.complain(format!("{} was handed over", hex::encode(&received.bytes))),
        }
    }
    for block in 0..=chain.head_number() {
        for txid in chain.block_transactions(block) {
            let sent = handed_over.get(&txid).context("what nobody handed over is in a block")?;
            let (at, receipt) = chain.receipt(&txid).context("a transaction without a receipt")?;
            ensure!(at == block, "{} is in two blocks", hex::encode(txid));
            reading.take_in(sent, &outcome(at, receipt, contracts)?);
        }
    }
    let is_in_none = |txid: &TxId| chain.receipt(txid).is_none();
    reading.count(&handed_over, is_in_none);
    let found = reading.found;
    for wanted in plan.iter().filter(|it| it.place == own_place(it)) {
        let sum: u128 = found.payments.get(&wanted.place).into_iter().flatten().sum();
        let has = got(chain, contracts, wanted)?;
        ensure!(sum == has, "{} got {sum} and has {has}", wanted.place);
    }
    Ok(found)
}

/// What a recipient has got that only one payout pays, by what it has now.
///
/// # Errors
/// If the chain does not say, or it has lost its gift.
pub(super) fn got(chain: &Chain, contracts: Contracts, wanted: &Wanted) -> Result<u128> {
    let to = recipient(wanted)?;
    let has = contracts.holding(chain, wanted.asset, &to)?;
    let before = if wanted.asset == TRX { wanted.gift } else { 0 };
    has.checked_sub(before).with_context(|| format!("{to} has lost its gift"))
}

/// The place of a payout whose recipient is nobody else's.
pub(super) fn own_place(wanted: &Wanted) -> String {
    format!("{} {}", wanted.asset.id, wanted.address)
}

fn outcome(block: i64, receipt: &Receipt, contracts: Contracts) -> Result<Outcome> {
    let mut moved = Vec::new();
    for log in receipt.logs.iter().filter(|it| it.address == contracts.token) {
        let words: Vec<&[u8]> = log.topics.iter().map(|it| &it[..]).collect();
        let [event, from, to] = words[..] else { continue };
        if event.starts_with(&TRANSFER) {
            let from = account(from).context("a transfer from nobody")?;
            let to = account(to).context("a transfer to nobody")?;
            moved.push((from, to, number(&log.data).context("a transfer of nothing")?));
        }
    }
    let fee_sun = u128::try_from(receipt.fee)?;
    Ok(Outcome { block, is_undone: receipt.ended != Ended::Success, fee_sun, moved })
}

impl Reading<'_> {
    fn complain(&mut self, what: String) {
        self.found.complaints.push(what);
    }

    /// Takes in a transaction of a block.
    fn take_in(&mut self, sent: &Sent, outcome: &Outcome) {
        let Wallets { hot, station } = self.wallets;
        let Outcome { block, is_undone, fee_sun, ref moved } = *outcome;
        let Sent { from, to, token, units } = *sent;
        if !self.wallets.has(&from) {
            return self.complain(format!("somebody else pays: {sent:?}"));
        }
        self.found.sent += 1;
        self.found.undone += usize::from(is_undone);
        let coins = if token.is_none() && !is_undone { units } else { 0 };
        if from == hot {
            self.found.flows.push((block, -signed(fee_sun + coins)));
        }
        if to == hot {
            self.found.flows.push((block, signed(coins)));
        }
        match token {
            None if is_undone => {}
            None if Some(from) == station && to == hot => {
                self.found.transfers.push(Transfer { block, sun: units });
            }
            None => self.pay(place(TRX, &to, None), place(TRX, &to, Some(units)), units),
            Some(_) => {
                for (_, to, units) in moved.iter().filter(|it| it.0 == from) {
                    let shared = place(TOKEN, to, Some(*units));
                    self.pay(place(TOKEN, to, None), shared, *units);
                }
            }
        }
    }

    /// Counts a payment at the place of its recipient, or of its recipient and amount.
    fn pay(&mut self, place: String, shared: String, units: u128) {
        let is_known = |it: &String| self.places.contains(it.as_str());
        match [place, shared].into_iter().find(is_known) {
            Some(found) => self.found.payments.entry(found).or_default().push(units),
            None => self.complain(format!("a payment of {units} that nobody asked for")),
        }
    }

    /// Counts what was handed over: what is in no block, and what was made again.
    fn count(&mut self, handed_over: &BTreeMap<TxId, Sent>, is_in_none: impl Fn(&TxId) -> bool) {
        let mut of_payment: BTreeMap<(Address, Option<Address>, u128), usize> = BTreeMap::new();
        for (txid, sent) in handed_over {
            self.found.lapsed += usize::from(is_in_none(txid));
            if !self.wallets.has(&sent.to) {
                *of_payment.entry((sent.to, sent.token, sent.units)).or_default() += 1;
            }
        }
        self.found.anew = of_payment.values().map(|count| count - 1).sum();
    }
}

fn signed(units: u128) -> i128 {
    i128::try_from(units).unwrap_or(i128::MAX)
}

/// What the ledger says that a lane holds of an asset, out of what the gateway prints when it compares
/// the two: `tron/hot  TRX@tron  ledger 1.5  chain 1.5  agree`.
pub(super) fn booked<'a>(printed: &'a str, lane: &str, asset: &str) -> Option<&'a str> {
    printed.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let is_it = words.next() == Some(lane) && words.next() == Some(asset);
        (is_it && words.next() == Some("ledger")).then(|| words.next())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kill::tron::plan::Draw;

    fn address(number: u8) -> Address {
        Address::from_tail([number; 20])
    }

    fn contracts() -> Contracts {
        Contracts { token: address(1), other: address(2) }
    }

    fn wallets() -> Wallets {
        Wallets { hot: address(3), station: Some(address(4)) }
    }

    fn reading(plan: &[Wanted]) -> Reading<'_> {
        Reading {
            wallets: wallets(),
            places: plan.iter().map(|it| it.place.as_str()).collect(),
            found: Findings::default(),
        }
    }

    fn sent(wanted: &Wanted) -> Sent {
        let token = (wanted.asset == TOKEN).then_some(contracts().token);
        Sent { from: address(3), to: recipient(wanted).unwrap(), token, units: wanted.units }
    }

    #[test]
    fn what_arrived_is_counted_and_what_was_undone_is_not() {
        let plan = Draw::new(contracts(), wallets(), 1).payouts(40);
        let coin = plan.iter().find(|it| it.asset == TRX).unwrap();
        let token = plan.iter().find(|it| it.asset == TOKEN).unwrap();
        let mut reading = reading(&plan);
        let done = Outcome { block: 7, fee_sun: 3, ..Outcome::default() };
        let undone = Outcome { is_undone: true, ..done.clone() };
        let moved = vec![
            (address(3), recipient(token).unwrap(), 11),
            (address(9), recipient(token).unwrap(), 12),
        ];
        reading.take_in(&sent(coin), &done);
        reading.take_in(&sent(coin), &undone);
        reading.take_in(&sent(token), &undone);
        // It is what the token says that counts.
        reading.take_in(&sent(token), &Outcome { moved, ..done.clone() });
        let found = reading.found;
        let expected = [(coin.place.clone(), vec![coin.units]), (token.place.clone(), vec![11])];
        assert_eq!(found.payments, Payments::from(expected));
        assert_eq!((found.sent, found.undone, found.complaints.len()), (4, 2, 0));
        let sum: i128 = found.flows.iter().map(|it| it.1).sum();
        assert_eq!(sum, -signed(coin.units + 4 * 3));
    }

    #[test]
    fn what_nobody_asked_for_is_told_apart_from_what_wallets_bring_each_other() {
        let plan = Draw::new(contracts(), wallets(), 1).at_fault(1);
        let mut reading = reading(&plan);
        let done = Outcome { block: 7, fee_sun: 3, ..Outcome::default() };
        let coins = |from, to| Sent { from: address(from), to: address(to), token: None, units: 5 };
        reading.take_in(&coins(4, 3), &done);
        assert_eq!(reading.found.transfers, [Transfer { block: 7, sun: 5 }]);
        assert_eq!(reading.found.flows, [(7, 5)]);
        assert_eq!(reading.found.complaints.len(), 0);
        for (number, sent) in [coins(3, 9), coins(9, 3), coins(3, 4)].iter().enumerate() {
            reading.take_in(sent, &done);
            assert_eq!(reading.found.complaints.len(), number + 1, "{sent:?}");
        }
        // Paid although it must not be: it is known by its amount.
        let paid = Sent { units: plan[0].units, ..coins(3, 2) };
        reading.take_in(&paid, &done);
        let expected = [(plan[0].place.clone(), vec![plan[0].units])];
        assert_eq!(reading.found.payments, Payments::from(expected));
    }

    #[test]
    fn transactions_that_were_made_again_are_counted() {
        let plan = Draw::new(contracts(), wallets(), 1).payouts(2);
        let mut reading = reading(&plan);
        let bring = Sent { from: address(4), to: address(3), token: None, units: 5 };
        let all = [sent(&plan[0]), sent(&plan[0]), sent(&plan[0]), sent(&plan[1]), bring, bring];
        let all = (0..).zip(all).map(|(number, it)| ([number; 32], it)).collect();
        reading.count(&all, |txid| txid[0] < 2);
        assert_eq!((reading.found.anew, reading.found.lapsed), (2, 2));
    }

    #[test]
    fn the_ledger_s_words_are_read() {
        let text = "tron/hot  TRX@tron  ledger 1.5  chain 2  on its way: 0.5\n\
                    tron/station  TRX@tron  ledger 7  chain 7  agree\nchain and ledger agree";
        assert_eq!(booked(text, "tron/hot", "TRX@tron"), Some("1.5"));
        assert_eq!(booked(text, "tron/station", "TRX@tron"), Some("7"));
        assert_eq!(booked(text, "tron/station", "TOKEN@tron"), None);
    }
}
