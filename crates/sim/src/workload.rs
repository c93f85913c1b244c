//! Merchants who ask for payouts, ask again, change their minds, and make mistakes.
//!
//! They remember what they were told, and hold us to it.

use std::sync::Arc;

use domain::{
    command::{
        Accepted, Asked as AskedAmount, Command, CreatePayout, Nonce, OnOtherContent, Refusal,
    },
    ids::{AssetId, DialectId, KeyId, MerchantId, PayoutId},
    payout::{Status, Webhook},
    quote::FeeBearer,
};

use crate::{
    faults::{Fault, Faults},
    scene,
    store::Contents,
};

mod answers;

/// What a merchant must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Accepted,
    BadDestination,
    TooLarge,
    TooSmall,
    UnknownAsset,
    AssetUnavailable,
    Stopped,
}

/// Something a merchant wants paid.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    create: CreatePayout,
    expected: Expected,
    /// The payout the merchant was told of.
    told: Option<PayoutId>,
    /// Whether the merchant knows what became of the request.
    answered: bool,
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
    Cancel {
        payout: PayoutId,
        /// Whether somebody asks whose payout it is not.
        foreign: bool,
        /// Its status when it was asked for, if it existed.
        status: Option<Status>,
    },
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

/// All merchants together.
#[derive(Debug)]
pub struct Workload {
    faults: Arc<Faults>,
    orders: Vec<Order>,
    orders_max: usize,
    drawn: u128,
    used_nonces: Vec<Nonce>,
}

/// Destinations that do something when they are paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trap {
    /// Payments to this address of this asset's network are undone.
    Reverts(AssetId, String),
    /// Payments to this address of this asset's network are refused beforehand.
    Refuses(AssetId, String),
}

impl Workload {
    /// Merchants who will want a few payouts.
    pub fn new(faults: Arc<Faults>) -> Self {
        let orders_max = usize::try_from(5 + faults.below(30)).unwrap_or_default();
        Self { faults, orders: vec![], orders_max, drawn: 0, used_nonces: vec![] }
    }

    fn draw(&mut self) -> u128 {
        self.drawn += 1;
        self.drawn
    }

    /// The next commands, and the traps that their destinations are.
    pub fn next_slice(&mut self, stored: &Contents) -> (Slice, Vec<Trap>) {
        let mut commands = vec![];
        let mut asked = vec![];
        let mut traps = vec![];
        for _ in 0..=self.faults.below(4) {
            let (command, meant) = match self.faults.below(100) {
                0..=17 => match self.cancel(stored) {
                    Some(both) => both,
                    None => continue,
                },
                18..=21 => self.use_nonce(),
                22..=45 if !self.orders.is_empty() => {
                    let order = self.faults.below(self.orders.len() as u64);
                    self.ask(usize::try_from(order).unwrap_or_default(), stored)
                }
                _ if self.orders.len() < self.orders_max => {
                    traps.extend(self.order());
                    self.ask(self.orders.len() - 1, stored)
                }
                _ => continue,
            };
            // Sometimes the merchant withdraws at once, or asks twice at once.
            let again = match &command {
                Command::Create(create) if self.faults.chance(5) => {
                    let (merchant, payout) = (create.merchant, create.id);
                    let meant = Asked::Cancel { payout, foreign: false, status: None };
                    Some((Command::Cancel { merchant, payout }, meant))
                }
                Command::Create(_) if self.faults.strikes(Fault::MerchantRepeats) => match &meant {
                    Asked::Create { order, .. } => Some(self.ask(*order, stored)),
                    Asked::Cancel { .. } | Asked::UseNonce { .. } => None,
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
        let mut create = self.blank(scene::RICH, AssetId::new(asset));
        create.asked = exact(asked);
        create.webhook = Some(webhook(&Status::ALL));
        self.orders.push(Order {
            create,
            expected: Expected::Accepted,
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

    /// The payout of the newest order, as its merchant was told.
    pub fn newest(&self) -> Option<PayoutId> {
        self.orders.last().and_then(|it| it.told)
    }

    fn blank(&mut self, merchant: MerchantId, asset: AssetId) -> CreatePayout {
        let number = self.orders.len();
        let address = format!("to-{number}");
        let dialect = DialectId::new("plain");
        let create = CreatePayout::new(PayoutId(0), merchant, dialect, asset, exact(100), address);
        CreatePayout {
            key: Some(KeyId(merchant.0)),
            merchant_ref: Some(format!("order-{number}")),
            ..create
        }
    }

    /// Somebody wants something new.
    fn order(&mut self) -> Option<Trap> {
        let merchant = match self.faults.below(20) {
            0..=11 => scene::RICH,
            12..=18 => scene::POOR,
            _ => scene::STOPPED,
        };
        let assets = scene::paid_assets();
        let asset = self.faults.pick(&assets).cloned().expect("some assets are paid");
        let mut create = self.blank(merchant, asset);
        let number = self.orders.len();
        create.asked = exact(u128::from(60 + self.faults.below(600)));
        if self.faults.chance(30) {
            create.idempotency_key = Some(format!("key-{number}"));
            if self.faults.chance(30) {
                create.merchant_ref = None;
            }
        }
        if self.faults.chance(30) {
            create.on_other_content = OnOtherContent::AnswerExisting;
        }
        if self.faults.chance(40) {
            create.bearer = FeeBearer::Recipient;
        }
        create.memo = self.faults.chance(25).then(|| number.to_string());
        create.webhook = match self.faults.below(4) {
            0 => None,
            1 => Some(webhook(&[Status::Paid, Status::Failed, Status::Cancelled])),
            _ => Some(webhook(&Status::ALL)),
        };
        let (expected, trap) = self.spoil(&mut create, number);
        self.orders.push(Order { create, expected, told: None, answered: false });
        trap
    }

    /// Makes mistakes in some orders, and traps of some destinations.
    fn spoil(&mut self, create: &mut CreatePayout, number: usize) -> (Expected, Option<Trap>) {
        let mut trap = None;
        if self.faults.strikes(Fault::Reverted) {
            create.address = format!("to-reverting-{number}");
            trap = Some(Trap::Reverts(create.asset.clone(), create.address.clone()));
        } else if self.faults.strikes(Fault::BuildRefused) {
            create.address = format!("to-refused-{number}");
            trap = Some(Trap::Refuses(create.asset.clone(), create.address.clone()));
        }
        let mut expected = Expected::Accepted;
        match self.faults.below(40) {
            0 => {
                "nowhere".clone_into(&mut create.address);
                expected = Expected::BadDestination;
            }
            1 => {
                let lanes = scene::lanes();
                let asset = create.asset.as_str();
                let ours = lanes.iter().rfind(|it| asset.ends_with(it.network.as_str()));
                create.address = ours.map(|it| it.address.clone()).unwrap_or_default();
                expected = Expected::BadDestination;
            }
            2 => {
                create.memo = Some("x".to_owned());
                expected = Expected::BadDestination;
            }
            3 => {
                create.asked = exact(scene::AMOUNT_MAX * 2);
                expected = Expected::TooLarge;
            }
            4 => {
                create.asked = exact(u128::from(self.faults.below(5)));
                expected = Expected::TooSmall;
            }
            5 => {
                create.asset = AssetId::new("DREAM@fast");
                expected = Expected::UnknownAsset;
            }
            6 => {
                create.asset = AssetId::new(scene::UNPAID_ASSET);
                expected = Expected::AssetUnavailable;
            }
            _ => {}
        }
        if create.merchant == scene::STOPPED {
            expected = Expected::Stopped;
        }
        (expected, trap)
    }

    /// Asks for an order, for the first time or again.
    fn ask(&mut self, order: usize, stored: &Contents) -> (Command, Asked) {
        let id = PayoutId(self.draw());
        let mut create = self.orders[order].create.clone();
        create.id = id;
        create.public_ids = vec![format!("P-{}", id.0), format!("Q-{}", id.0)];
        if self.faults.chance(20) {
            // The first candidate is taken.
            create.public_ids.insert(0, "P-1".to_owned());
        }
        let known = answers::stored(&create, stored);
        let mut nonce_is_used = false;
        if self.faults.chance(25) {
            let key = KeyId(create.merchant.0);
            let mut nonce = Nonce { key, text: format!("nonce-{}", id.0) };
            let used = self.used_nonces.iter().rfind(|it| it.key == key);
            if let Some(used) = used.filter(|_| self.faults.chance(30)) {
                nonce = used.clone();
                nonce_is_used = true;
            }
            create.nonce = Some(nonce);
        }
        // The same address in another spelling is the same content.
        if self.faults.chance(20) && create.address.starts_with("to-") {
            create.address = create.address.to_ascii_uppercase().replacen("TO-", "to-", 1);
        }
        let other_content = known.is_some() && self.faults.chance(20);
        if other_content {
            match self.faults.below(3) {
                0 => create.asked = more(&create.asked),
                1 => "to-somebody-else".clone_into(&mut create.address),
                _ => create.memo = Some("999".to_owned()),
            }
        }
        let asked = Asked::Create { order, other_content, nonce_is_used, stored: known };
        (Command::Create(Box::new(create)), asked)
    }

    fn cancel(&mut self, stored: &Contents) -> Option<(Command, Asked)> {
        let told: Vec<(PayoutId, MerchantId)> =
            self.orders.iter().filter_map(|it| Some((it.told?, it.create.merchant))).collect();
        let (payout, owner) = *self.faults.pick(&told)?;
        let foreign = self.faults.chance(15);
        let merchant = if foreign { MerchantId(owner.0 + 1) } else { owner };
        let status = stored.payouts.get(&payout).map(|it| it.state.status());
        let asked = Asked::Cancel { payout, foreign, status };
        Some((Command::Cancel { merchant, payout }, asked))
    }

    fn use_nonce(&mut self) -> (Command, Asked) {
        let fresh = Nonce { key: KeyId(scene::RICH.0), text: format!("alone-{}", self.draw()) };
        let used = self.used_nonces.last().filter(|_| self.faults.chance(50)).cloned();
        let asked = Asked::UseNonce { used: used.is_some() };
        (Command::UseNonce(used.unwrap_or(fresh)), asked)
    }
}

fn webhook(on: &[Status]) -> Webhook {
    Webhook { url: "https://merchant.example/hook".to_owned(), on: on.to_vec() }
}

/// So many units of a payout's asset.
fn exact(units: u128) -> AskedAmount {
    AskedAmount::Exact(scene::amount(units))
}

/// One unit more.
fn more(asked: &AskedAmount) -> AskedAmount {
    match asked {
        AskedAmount::Exact(amount) => exact(amount.units() + 1),
        AskedAmount::Worth { .. } | AskedAmount::Spend(_) => exact(1),
    }
}
