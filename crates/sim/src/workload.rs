//! Merchants who ask for payouts, ask again, change their minds, and make mistakes.
//!
//! They remember what they were told, and hold us to it.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    Timestamp,
    command::{Accepted, Asked as AskedAmount, Command, CreatePayout, Direction, Nonce, Refusal},
    ids::{AssetId, MerchantId, PayoutId},
    payout::Status,
    pricing::Locked,
    quote::Quote,
};

use crate::{
    auditor::Balances,
    faults::{Fault, Faults},
    market::Market,
    scene,
    store::Contents,
};

mod answers;
mod orders;
mod questions;
mod refusals;
mod transfers;

/// What a merchant must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Accepted,
    BadDestination,
    TooLarge,
    TooSmall,
    UnknownAsset,
    AssetUnavailable,
    NoWallet,
    Stopped,
}

/// Something a merchant wants paid.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    create: CreatePayout,
    expected: Expected,
    /// What the merchant must be answered who asks for the price of it only: whoever does so need
    /// not be able to pay, nor say whom.
    expected_price: Expected,
    /// What the merchant was told that it costs, and what was promised for it.
    quoted: Option<(Quote, Locked)>,
    /// The payout the merchant was told of.
    told: Option<PayoutId>,
    /// Whether the merchant knows what became of the request.
    answered: bool,
}

/// Money that a merchant wants moved.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    merchant: MerchantId,
    ticker: String,
    /// In hundred-millionths of a coin.
    units: i128,
    direction: Direction,
    /// Whether it was done, as far as the merchant was told.
    done: Option<bool>,
}

/// What was meant by a command.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Create {
        order: usize,
        /// Whether it says something else than the order did at first.
        other_content: bool,
        /// Whether its nonce was used before.
        nonce_is_used: bool,
        /// The order's payout when it was asked for.
        stored: Option<PayoutId>,
    },
    Quote {
        order: usize,
    },
    Cancel {
        payout: PayoutId,
        /// Whether somebody asks whose payout it is not.
        foreign: bool,
        /// Its status when it was asked for, if it existed.
        status: Option<Status>,
    },
    Judge {
        payout: PayoutId,
        /// Whether somebody answers whose payout it is not.
        foreign: bool,
        /// Its status when it was answered, if it existed.
        status: Option<Status>,
    },
    Transfer(usize),
    UseNonce {
        used: bool,
    },
}

/// Commands that are decided together.
#[derive(Clone, Debug)]
pub struct Slice {
    /// What is asked.
    pub commands: Arc<Vec<Command>>,
    asked: Vec<Asked>,
    faulty: bool,
}

/// Answers to a slice, in its order.
pub type Answers = Vec<Result<Accepted, Refusal>>;

/// When a slice was decided, and what was known then.
pub(crate) struct Moment<'a> {
    pub(crate) at: Timestamp,
    pub(crate) market: &'a Market,
    /// What everybody had before the slice; `None` once a part of it has changed that.
    pub(crate) balances: Option<&'a Balances>,
}

/// All merchants together.
#[derive(Debug)]
pub struct Workload {
    faults: Arc<Faults>,
    orders: Vec<Order>,
    orders_max: usize,
    transfers: Vec<Transfer>,
    drawn: u128,
    used_nonces: Vec<Nonce>,
    /// The promises that were taken up.
    kept: BTreeSet<PayoutId>,
}

/// Destinations that do something when they are paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trap {
    /// Payments to this address of this asset's network are undone.
    Reverts(AssetId, String),
    /// Payments to this address of this asset's network are left out of transactions that pay others
    /// too, and undone alone.
    Skips(AssetId, String),
    /// Payments to this address of this asset's network are refused beforehand.
    Refuses(AssetId, String),
}

impl Workload {
    /// Merchants who will want a few payouts.
    pub fn new(faults: Arc<Faults>) -> Self {
        let orders_max = usize::try_from(8 + faults.below(40)).unwrap_or_default();
        let transfers = vec![];
        Self {
            faults,
            orders: vec![],
            orders_max,
            transfers,
            drawn: 0,
            used_nonces: vec![],
            kept: BTreeSet::new(),
        }
    }

    fn draw(&mut self) -> u128 {
        self.drawn += 1;
        self.drawn
    }

    /// The next commands, and the traps that their destinations are.
    pub fn next_slice(&mut self, stored: &Contents, now: Timestamp) -> (Slice, Vec<Trap>) {
        let mut commands = vec![];
        let mut asked = vec![];
        let mut traps = vec![];
        for _ in 0..=self.faults.below(4) {
            let (command, meant) = match self.faults.below(100) {
                0..=11 => match self.cancel(stored) {
                    Some(both) => both,
                    None => continue,
                },
                12..=21 => match self.judge(stored, now) {
                    Some(both) => both,
                    None => continue,
                },
                22..=24 => self.use_nonce(),
                25..=29 => self.transfer(),
                30..=50 if !self.orders.is_empty() => {
                    let order = self.faults.below(self.orders.len() as u64);
                    self.ask(usize::try_from(order).unwrap_or_default(), stored)
                }
                _ if self.orders.len() < self.orders_max => {
                    traps.extend(self.order());
                    let newest = self.orders.len() - 1;
                    if self.faults.chance(30) {
                        self.price(newest)
                    } else {
                        self.ask(newest, stored)
                    }
                }
                _ => continue,
            };
            // Sometimes the merchant withdraws or approves at once, or asks twice at once.
            let again = match &command {
                Command::Create(create) if self.faults.chance(5) => {
                    let (merchant, payout) = (create.merchant, create.id);
                    let meant = Asked::Cancel { payout, foreign: false, status: None };
                    Some((Command::Cancel { merchant, payout }, meant))
                }
                Command::Create(create) if create.approval.is_some() && self.faults.chance(15) => {
                    let (merchant, payout) = (create.merchant, create.id);
                    let verdict = self.verdict(merchant, self.faults.chance(60), now);
                    let meant = Asked::Judge { payout, foreign: false, status: None };
                    Some((Command::Judge { merchant, payout, verdict }, meant))
                }
                Command::Create(_) if self.faults.strikes(Fault::MerchantRepeats) => match &meant {
                    Asked::Create { order, .. } => Some(self.ask(*order, stored)),
                    Asked::Quote { .. }
                    | Asked::Cancel { .. }
                    | Asked::Judge { .. }
                    | Asked::Transfer(_)
                    | Asked::UseNonce { .. } => None,
                },
                Command::Create(_)
                | Command::Cancel { .. }
                | Command::Judge { .. }
                | Command::Expire(_)
                | Command::Transfer { .. }
                | Command::Quote(_)
                | Command::UseNonce(_) => None,
            };
            for (command, meant) in std::iter::once((command, meant)).chain(again) {
                commands.push(command);
                asked.push(meant);
            }
        }
        let faulty = self.faults.is_active();
        (Slice { commands: Arc::new(commands), asked, faulty }, traps)
    }

    /// The orders that merchants do not know the fate of, asked for once more.
    pub fn unanswered(&mut self, stored: &Contents) -> Option<Slice> {
        let open: Vec<usize> =
            (0..self.orders.len()).filter(|it| !self.orders[*it].answered).collect();
        let (commands, asked): (Vec<_>, Vec<_>) =
            open.into_iter().map(|it| self.ask(it, stored)).unzip();
        let faulty = self.faults.is_active();
        (!commands.is_empty()).then(|| Slice { commands: Arc::new(commands), asked, faulty })
    }

    /// A plain order of the merchant who can pay, for tests that need one.
    pub fn simple(&mut self, asset: &str, asked: u128, stored: &Contents) -> Slice {
        self.special(asset, asked, stored, |_| {})
    }

    /// The same, but for what a test changes in it.
    pub fn special(
        &mut self,
        asset: &str,
        asked: u128,
        stored: &Contents,
        change: impl FnOnce(&mut CreatePayout),
    ) -> Slice {
        let mut create = self.blank(scene::RICH, AssetId::new(asset));
        create.asked = AskedAmount::Exact(scene::amount(asked));
        create.webhook = Some(orders::webhook(&Status::ALL));
        change(&mut create);
        self.orders.push(Order {
            create,
            expected: Expected::Accepted,
            expected_price: Expected::Accepted,
            quoted: None,
            told: None,
            answered: false,
        });
        self.again(stored)
    }

    /// The newest order again.
    pub fn again(&mut self, stored: &Contents) -> Slice {
        let (command, meant) = self.ask(self.orders.len().saturating_sub(1), stored);
        let faulty = self.faults.is_active();
        Slice { commands: Arc::new(vec![command]), asked: vec![meant], faulty }
    }

    /// The newest order's merchant does not want it any more.
    pub fn withdraw(&self, stored: &Contents) -> Option<Slice> {
        let order = self.orders.last()?;
        let (payout, merchant) = (order.told?, order.create.merchant);
        let status = stored.payouts.get(&payout).map(|it| it.state.status());
        Some(Slice {
            commands: Arc::new(vec![Command::Cancel { merchant, payout }]),
            asked: vec![Asked::Cancel { payout, foreign: false, status }],
            faulty: self.faults.is_active(),
        })
    }

    /// Somebody answers whether the newest order may be paid.
    pub fn answer(&mut self, approve: bool, stored: &Contents, now: Timestamp) -> Option<Slice> {
        let order = self.orders.last()?;
        let (payout, merchant) = (order.told?, order.create.merchant);
        let status = stored.payouts.get(&payout).map(|it| it.state.status());
        let verdict = self.verdict(merchant, approve, now);
        Some(Slice {
            commands: Arc::new(vec![Command::Judge { merchant, payout, verdict }]),
            asked: vec![Asked::Judge { payout, foreign: false, status }],
            faulty: self.faults.is_active(),
        })
    }

    /// The payout of the newest order, as its merchant was told.
    pub fn newest(&self) -> Option<PayoutId> {
        self.orders.last().and_then(|it| it.told)
    }
}
