//! What the chain will not take back, and how to ask about it.

use std::collections::BTreeMap;

use domain::{
    ids::{AssetId, LaneId, TxId},
    money::Amount,
};

use crate::payload::{Payload, PayloadPayment};

/// A transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Included {
    pub(crate) txid: TxId,
    pub(crate) fee: Amount,
    pub(crate) reverted: bool,
    pub(crate) unpaid: Vec<u32>,
}

/// A transaction that is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalTransaction {
    /// What the chain calls it.
    pub txid: TxId,
    /// What it was meant to do.
    pub payload: Payload,
    /// What the chain charged for it.
    pub fee: Amount,
    /// Whether it was undone on the way: charged for, but nobody was paid.
    pub reverted: bool,
    /// The places of the payments that it left out.
    pub unpaid: Vec<u32>,
}

impl FinalTransaction {
    /// The payments that were made, with their places.
    pub fn made(&self) -> impl Iterator<Item = (u32, &PayloadPayment)> {
        let payments = (0_u32..).zip(&self.payload.payments);
        payments.filter(|it| !self.reverted && !self.unpaid.contains(&it.0))
    }
}

/// A payment that is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentMade {
    /// Who was paid.
    pub address: String,
    /// What went with it.
    pub memo: Option<String>,
    /// What was paid.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
    /// By which transaction.
    pub txid: TxId,
}

/// How a chain stands to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does not know it.
    Unknown,
    /// It waits to be included.
    Waiting,
    /// It is in a block that may be reorganised away.
    InBlock,
    /// It is final.
    Final {
        /// What the chain charged.
        fee: Amount,
        /// Whether it was undone on the way.
        reverted: bool,
        /// The places of the payments that it left out.
        unpaid: Vec<u32>,
    },
    /// This other transaction, which uses the same of the lane up, is final.
    Excluded(TxId),
}

/// Everything that is final, in the chain's order.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    transactions: Vec<FinalTransaction>,
    places: BTreeMap<TxId, usize>,
    used: BTreeMap<(LaneId, u64), TxId>,
}

impl History {
    pub(crate) fn push(&mut self, payload: Payload, included: &Included) {
        let txid = included.txid.clone();
        self.places.insert(txid.clone(), self.transactions.len());
        for number in payload.uses.numbers() {
            self.used.insert((payload.lane.clone(), *number), txid.clone());
        }
        let Included { fee, reverted, unpaid, .. } = included.clone();
        self.transactions.push(FinalTransaction { txid, payload, fee, reverted, unpaid });
    }

    pub(crate) fn since(&self, count: usize) -> &[FinalTransaction] {
        self.transactions.get(count..).unwrap_or_default()
    }

    pub(crate) fn find(&self, txid: &TxId) -> Option<&FinalTransaction> {
        self.places.get(txid).and_then(|place| self.transactions.get(*place))
    }

    /// The transaction that uses one of these numbers of a lane up.
    pub(crate) fn user_of(&self, lane: &LaneId, numbers: &[u64]) -> Option<&TxId> {
        numbers.iter().find_map(|it| self.used.get(&(lane.clone(), *it)))
    }
}
