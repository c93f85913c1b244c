//! Makes a transaction out of payments, coins and a price, or says why there is none. Pure: the same
//! order makes the same transaction, to the byte.
//!
//! Inputs and outputs stand in the order of BIP-69, which says nothing about which output is the
//! change. Inputs signal that they may be replaced (BIP-125); the lock time is zero, so that the same
//! bytes stay valid whatever becomes of the last blocks.

use std::collections::BTreeSet;

use bitcoin::{
    Amount, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime, transaction,
};

use crate::{
    fees::{self, Price},
    lock::{self, LaneKind},
    selection::{Level, Task},
    weight::{Shape, WEIGHT_MAX},
};

/// An output of the lane that may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coin {
    /// Which output it is.
    pub outpoint: OutPoint,
    /// What it is worth, in satoshi.
    pub value_sat: u64,
}

/// One payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Whom it pays; never the lane itself.
    pub script: ScriptBuf,
    /// How much, in satoshi.
    pub amount_sat: u64,
}

/// What a transaction is to be made of.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The lane's script: that of the coins and of the change.
    pub lane: &'a Script,
    /// What is paid. If nothing is, all that is spent returns to the lane.
    pub payments: &'a [Payment],
    /// What may be spent.
    pub coins: &'a [Coin],
    /// What must be spent: all inputs of a transaction that is to be replaced (an input in common is
    /// what makes the two exclude each other, and with all of them in common nobody has to know
    /// which), or coins that are to be gathered.
    pub required: &'a [Coin],
    /// What it must pay.
    pub price: Price,
    /// The rate at which coins can be spent some time, in satoshi for 1,000 virtual bytes.
    pub later_sat_per_kvb: u64,
    /// The rate by which nodes tell dust, in satoshi for 1,000 virtual bytes.
    pub dust_sat_per_kvb: u64,
    /// The most that it may pay, in satoshi.
    pub fee_max_sat: u64,
}

/// A transaction to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The transaction without signatures.
    pub tx: Transaction,
    /// What it spends, in the order of its inputs.
    pub spent: Vec<Coin>,
    /// What it pays, in satoshi: exactly this, whatever the length of the signatures.
    pub fee_sat: u64,
    /// What returns to the lane, in satoshi, if anything does.
    pub change_sat: Option<u64>,
    /// Its size once it is signed, in virtual bytes, at the most: a signature may turn out shorter by
    /// a byte, which counts a quarter.
    pub vsize: u64,
}

/// Why there is no transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmade {
    /// The script is none that a lane has.
    NoLane,
    /// These payments, by their places, are worth so little that nodes do not relay them.
    Dust {
        /// The places, rising.
        places: Vec<usize>,
    },
    /// The coins are not worth enough.
    Short {
        /// How much more is needed, in satoshi.
        missing_sat: u64,
    },
    /// It would be larger than what nodes relay.
    Heavy {
        /// How many of the payments, from the first on, have room.
        fits: usize,
    },
    /// It would have to pay more than it may.
    AboveCeiling {
        /// What it would have to pay, in satoshi.
        fee_sat: u64,
    },
}

impl Order<'_> {
    /// Makes the transaction.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn draft(&self) -> Result<Draft, Unmade> {
        let kind = LaneKind::of(self.lane).ok_or(Unmade::NoLane)?;
        let is_dust =
            |it: &Payment| it.amount_sat < lock::dust_limit_sat(self.dust_sat_per_kvb, &it.script);
        let places = self.payments.iter().enumerate().filter(|(_, it)| is_dust(it));
        let places: Vec<usize> = places.map(|(at, _)| at).collect();
        if !places.is_empty() {
            return Err(Unmade::Dust { places });
        }
        let plan = Plan::new(self, kind, self.payments.len());
        let Some(levels) = plan.levels() else {
            return Err(Unmade::Heavy { fits: self.fits(kind) });
        };
        let values: Vec<u64> = plan.coins.iter().map(|it| it.value_sat).collect();
        let task = Task { values: &values, levels: &levels, useful_sat: plan.paid_sat };
        match task.choose() {
            Some(places) => plan.finish(&places),
            None => Err(self.too_little(&plan, kind)),
        }
    }

    /// Why no choice is enough: because of what the coins are worth, or because there is no room
    /// for as many as it takes.
    fn too_little(&self, plan: &Plan<'_>, kind: LaneKind) -> Unmade {
        let all = plan.coins.iter().fold(0_u64, |sum, it| sum.saturating_add(it.value_sat));
        let needed = plan.level(plan.coins.len(), 0).needed_sat;
        match needed.checked_sub(all) {
            Some(missing_sat) if missing_sat > 0 => Unmade::Short { missing_sat },
            Some(_) | None => Unmade::Heavy { fits: self.fits(kind) },
        }
    }

    /// How many of the payments, from the first on, can be made. The more payments, the more coins
    /// and the more weight, so the answer lies between those that can and those that cannot.
    fn fits(&self, kind: LaneKind) -> usize {
        let can = |count: usize| {
            let plan = Plan::new(self, kind, count);
            let values = plan.coins.iter().map(|it| it.value_sat);
            let sums = std::iter::once(0).chain(values.scan(0_u64, |sum, value| {
                *sum = sum.saturating_add(value);
                Some(*sum)
            }));
            let levels = plan.levels().unwrap_or_default();
            levels.iter().zip(sums).any(|(level, sum)| sum >= level.needed_sat)
        };
        let (mut can_be, mut cannot_be) = (0, self.payments.len());
        while can_be + 1 < cannot_be {
            let middle = can_be.midpoint(cannot_be);
            if can(middle) {
                can_be = middle;
            } else {
                cannot_be = middle;
            }
        }
        can_be
    }
}

/// An order with what follows from it.
struct Plan<'a> {
    order: &'a Order<'a>,
    payments: &'a [Payment],
    required: BTreeSet<Coin>,
    bare: Shape,
    changed: Shape,
    paid_sat: u64,
    given_sat: u64,
    dust_sat: u64,
    change_min_sat: u64,
    /// Coins that are worth spending, the largest first.
    coins: Vec<Coin>,
}

impl<'a> Plan<'a> {
    /// The plan for the first `count` payments.
    fn new(order: &'a Order<'a>, kind: LaneKind, count: usize) -> Self {
        let payments = &order.payments[..count];
        let bare = Shape::new(kind, payments.iter().map(|it| it.script.as_script()));
        let dust_sat = lock::dust_limit_sat(order.dust_sat_per_kvb, order.lane);
        let later_sat = fees::of_size(order.later_sat_per_kvb, bare.input_wu().div_ceil(4));
        let sum = |values: &mut dyn Iterator<Item = u64>| values.fold(0, u64::saturating_add);
        let required: BTreeSet<Coin> = order.required.iter().copied().collect();
        let outpoints: BTreeSet<OutPoint> = required.iter().map(|it| it.outpoint).collect();
        // An input more may make the count of inputs two bytes longer.
        let rate = order.price.rate_sat_per_kvb.max(order.price.increment_sat_per_kvb);
        let input_sat = fees::of_size(rate, bare.input_wu().div_ceil(4) + 3);
        let worth = |it: &&Coin| it.value_sat > input_sat && !outpoints.contains(&it.outpoint);
        let coins: BTreeSet<Coin> = order.coins.iter().filter(worth).copied().collect();
        let mut coins: Vec<Coin> = coins.into_iter().collect();
        coins.sort_by_key(|it| std::cmp::Reverse(it.value_sat));
        Self {
            order,
            payments,
            bare,
            changed: bare.with(order.lane),
            paid_sat: sum(&mut payments.iter().map(|it| it.amount_sat)),
            given_sat: sum(&mut required.iter().map(|it| it.value_sat)),
            required,
            dust_sat,
            change_min_sat: dust_sat.max(later_sat.saturating_add(1)),
            coins,
        }
    }

    /// What it costs to spend a coin at a rate, in satoshi.
    fn later_sat(&self, rate_sat_per_kvb: u64) -> u64 {
        fees::of_size(rate_sat_per_kvb, self.bare.input_wu().div_ceil(4))
    }

    fn fee_sat(&self, shape: &Shape, inputs: usize) -> u64 {
        self.order.price.fee_sat(shape.vsize(inputs))
    }

    /// What it means to choose so many coins beside those that must be spent.
    fn level(&self, chosen: usize, waste_before: u64) -> Level {
        let inputs = self.required.len() + chosen;
        let (bare, changed) =
            (self.fee_sat(&self.bare, inputs), self.fee_sat(&self.changed, inputs));
        let beside = |more: u64| self.paid_sat.saturating_add(more).saturating_sub(self.given_sat);
        let change_from_sat = beside(changed.saturating_add(self.change_min_sat));
        // What it costs to spend a coin later is saved, but counts for at most half of what it costs
        // now: to spend many while that is cheap is decided elsewhere ([`crate::gathering`]), and
        // other transactions of the lane need coins as well.
        let none = self.fee_sat(&self.bare, self.required.len());
        let later = self.later_sat(self.order.later_sat_per_kvb);
        let half = self.order.price.rate_sat_per_kvb / 2;
        let saved = self.later_sat(self.order.later_sat_per_kvb.min(half));
        let saved = saved.saturating_mul(chosen as u64);
        Level {
            needed_sat: if self.payments.is_empty() { change_from_sat } else { beside(bare) },
            change_from_sat,
            waste_sat: bare.saturating_sub(none).saturating_sub(saved).max(waste_before),
            change_waste_sat: changed.saturating_sub(bare).saturating_add(later),
        }
    }

    /// All levels for which there are coins and room; nothing if there is not even room for what must
    /// be spent.
    fn levels(&self) -> Option<Vec<Level>> {
        let room = self.changed.inputs_max().checked_sub(self.required.len())?;
        if self.changed.weight(1) > WEIGHT_MAX {
            return None;
        }
        let mut waste = 0;
        let levels = (0..=room.min(self.coins.len())).map(|chosen| {
            let level = self.level(chosen, waste);
            waste = level.waste_sat;
            level
        });
        Some(levels.collect())
    }

    /// Makes the transaction with the chosen coins, which are enough.
    fn finish(&self, places: &[usize]) -> Result<Draft, Unmade> {
        let chosen = places.iter().map(|place| self.coins[*place]);
        let mut spent: Vec<Coin> = self.required.iter().copied().chain(chosen).collect();
        spent.sort_by_key(|it| bip69(it.outpoint));
        let all = spent.iter().fold(0_u64, |sum, it| sum.saturating_add(it.value_sat));
        let over = all.saturating_sub(self.paid_sat);
        let fee_with_change = self.fee_sat(&self.changed, spent.len());
        let rest = over.checked_sub(fee_with_change);
        // Change that is not worth its cost is better than a fee above the ceiling.
        let least = if over > self.order.fee_max_sat { self.dust_sat } else { self.change_min_sat };
        let change_sat = rest.filter(|rest| *rest >= least);
        let fee_sat = over - change_sat.unwrap_or(0);
        if fee_sat > self.order.fee_max_sat {
            return Err(Unmade::AboveCeiling { fee_sat });
        }
        let change = change_sat.map(|sat| (self.order.lane.to_owned(), sat));
        let payments = self.payments.iter().map(|it| (it.script.clone(), it.amount_sat));
        let shape = if change_sat.is_some() { self.changed } else { self.bare };
        Ok(Draft {
            tx: transaction(spent.iter().map(|it| it.outpoint), payments.chain(change)),
            vsize: shape.vsize(spent.len()),
            spent,
            fee_sat,
            change_sat,
        })
    }
}

/// A transaction without signatures, in the order of BIP-69.
pub fn transaction(
    inputs: impl IntoIterator<Item = OutPoint>,
    outputs: impl IntoIterator<Item = (ScriptBuf, u64)>,
) -> Transaction {
    let mut inputs: Vec<OutPoint> = inputs.into_iter().collect();
    inputs.sort_by_key(|it| bip69(*it));
    let mut outputs: Vec<(u64, ScriptBuf)> =
        outputs.into_iter().map(|(of, sat)| (sat, of)).collect();
    outputs.sort();
    let input = |previous_output| TxIn {
        previous_output,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::new(),
    };
    let output = |(sat, script_pubkey)| TxOut { value: Amount::from_sat(sat), script_pubkey };
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: inputs.into_iter().map(input).collect(),
        output: outputs.into_iter().map(output).collect(),
    }
}

/// By what BIP-69 orders inputs: the identifier as it is written, and the number of the output.
fn bip69(outpoint: OutPoint) -> ([u8; 32], u32) {
    let mut written: [u8; 32] = *outpoint.txid.as_ref();
    written.reverse();
    (written, outpoint.vout)
}

#[cfg(test)]
#[path = "drafting_tests.rs"]
mod tests;
