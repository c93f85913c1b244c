//! What merchants want paid, and how they ask for it.

use domain::{
    command::{
        ApprovalRequest, Asked as AskedAmount, Command, CreatePayout, Least, Nonce, OnOtherContent,
        Source,
    },
    ids::{AssetId, DialectId, KeyId, MerchantId, PayoutId},
    money::{Amount, Decimal},
    payout::{Priority, Status, Webhook},
    quote::FeeBearer,
};

use super::{Asked, Expected, Order, Trap, Workload, answers};
use crate::{faults::Fault, market::SOURCES, scene, store::Contents};

impl Workload {
    pub(super) fn blank(&mut self, merchant: MerchantId, asset: AssetId) -> CreatePayout {
        let number = self.orders.len();
        let address = format!("to-{number}");
        let dialect = DialectId::new("plain");
        let asked = exact(100);
        let create = CreatePayout::new(PayoutId(0), merchant, dialect, asset, asked, address);
        CreatePayout {
            key: Some(KeyId(merchant.0)),
            merchant_ref: Some(format!("order-{number}")),
            ..create
        }
    }

    /// Somebody wants something.
    pub(super) fn order(&mut self) -> Option<Trap> {
        if self.faults.chance(10) && self.order_again() {
            return None;
        }
        self.order_something_new()
    }

    /// Somebody wants what was promised for another payout.
    fn order_again(&mut self) -> bool {
        let is_promised = |it: &&Order| it.quoted.is_some() && it.expected == Expected::Accepted;
        let promised: Vec<&Order> = self.orders.iter().filter(is_promised).collect();
        let Some(first) = self.faults.pick(&promised).map(|it| Order::clone(it)) else {
            return false;
        };
        let number = self.orders.len();
        let create = CreatePayout {
            merchant_ref: Some(format!("order-{number}")),
            idempotency_key: None,
            address: format!("to-{number}"),
            ..first.create
        };
        self.orders.push(Order { create, told: None, answered: false, ..first });
        true
    }

    fn order_something_new(&mut self) -> Option<Trap> {
        let merchant = match self.faults.below(20) {
            0..=10 => scene::RICH,
            11..=18 => scene::POOR,
            _ => scene::STOPPED,
        };
        let assets = scene::paid_assets();
        let asset = self.faults.pick(&assets).cloned().expect("some assets are paid");
        let mut create = self.blank(merchant, asset);
        let number = self.orders.len();
        create.asked = self.exactly(&create.asset);
        self.fund_otherwise(&mut create);
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
        if self.faults.chance(30) {
            create.priority = self.faults.pick(&Priority::ALL).copied().unwrap_or_default();
        }
        if self.faults.chance(25) {
            let url = self.faults.chance(50).then(|| format!("https://judge.example/{number}"));
            create.approval = Some(ApprovalRequest { url });
        }
        if self.faults.chance(10) {
            create.least = match self.faults.below(2) {
                0 => Least { network_fees: 6, ..Least::default() },
                _ => Least { more_than_usd: millionths(250), ..Least::default() },
            };
        }
        create.memo = self.faults.chance(25).then(|| number.to_string());
        create.webhook = match self.faults.below(4) {
            0 => None,
            1 => Some(webhook(&[Status::Paid, Status::Failed, Status::Cancelled])),
            _ => Some(webhook(&Status::ALL)),
        };
        let (expected, trap) = self.spoil(&mut create, number);
        let expected_price = match expected {
            Expected::BadDestination => Expected::Accepted,
            Expected::Accepted
            | Expected::TooLarge
            | Expected::TooSmall
            | Expected::UnknownAsset
            | Expected::AssetUnavailable
            | Expected::NoWallet
            | Expected::Stopped => expected,
        };
        let is_stopped = create.merchant == scene::STOPPED;
        self.orders.push(Order {
            create,
            expected: if is_stopped { Expected::Stopped } else { expected },
            expected_price,
            quoted: None,
            told: None,
            answered: false,
        });
        trap
    }

    /// So many units that it can be paid, whatever the fees.
    fn exactly(&self, asset: &AssetId) -> AskedAmount {
        let scale = scene::scale(asset);
        let part = self.faults.below(u64::try_from(scale).unwrap_or(1));
        exact(u128::from(60 + self.faults.below(600)) * scale + u128::from(part))
    }

    /// Some orders are paid from another coin, or their amount is said in another currency.
    fn fund_otherwise(&mut self, create: &mut CreatePayout) {
        let own = scene::ticker(&create.asset);
        let other = if own == "COIN" { "TOKEN" } else { "COIN" };
        create.source = match self.faults.below(10) {
            0..=4 => Source::Own,
            5 => Source::Ticker(own.to_owned()),
            6..=7 => Source::Ticker(other.to_owned()),
            _ => Source::Configured,
        };
        create.insured = self.faults.chance(40);
        match self.faults.below(10) {
            0..=2 => {
                let (currency, times) = match self.faults.below(8) {
                    0..=2 => ("EUR", 1),
                    3..=4 => ("USD", 1),
                    5..=6 => ("RUB", 100),
                    _ => ("DREAM", 1),
                };
                let amount = millionths(u128::from(300 + self.faults.below(1_000)) * times);
                create.asked = AskedAmount::Worth { currency: currency.to_owned(), amount };
                if self.faults.chance(30) {
                    create.course = self.faults.pick(&SOURCES).map(|it| (*it).to_owned());
                }
            }
            3..=4 => {
                let sold = crate::auditor::prices::sold(create);
                let sold = sold.unwrap_or_else(|| own.to_owned());
                let units = if sold == "COIN" { 100 } else { 300 } + self.faults.below(400);
                create.asked = AskedAmount::Spend(millionths(u128::from(units)));
            }
            _ => {}
        }
    }

    /// Makes mistakes in some orders, and traps of some destinations.
    fn spoil(&mut self, create: &mut CreatePayout, number: usize) -> (Expected, Option<Trap>) {
        let mut trap = None;
        if self.faults.strikes(Fault::Reverted) {
            create.address = format!("to-reverting-{number}");
            let (asset, address) = (create.asset.clone(), create.address.clone());
            let skips = self.faults.chance(50);
            trap = Some(if skips {
                Trap::Skips(asset, address)
            } else {
                Trap::Reverts(asset, address)
            });
        } else if self.faults.strikes(Fault::BuildRefused) {
            create.address = format!("to-refused-{number}");
            trap = Some(Trap::Refuses(create.asset.clone(), create.address.clone()));
        }
        let mut expected = Expected::Accepted;
        match self.faults.below(45) {
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
                create.asked = exact(scene::AMOUNT_MAX * scene::scale(&create.asset) * 2);
                expected = Expected::TooLarge;
            }
            4 => {
                let units = u128::from(self.faults.below(5));
                create.asked = exact(units * scene::scale(&create.asset));
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
            7 => {
                create.source = Source::Ticker("OLD".to_owned());
                create.asked = self.exactly(&create.asset);
                create.least = Least::default();
                expected = Expected::NoWallet;
            }
            _ => {}
        }
        (expected, trap)
    }

    /// Asks what an order would cost.
    pub(super) fn price(&mut self, order: usize) -> (Command, Asked) {
        let mut create = self.orders[order].create.clone();
        create.id = PayoutId(self.draw());
        (Command::Quote(Box::new(create)), Asked::Quote { order })
    }

    /// Asks for an order, for the first time or again.
    pub(super) fn ask(&mut self, order: usize, stored: &Contents) -> (Command, Asked) {
        let id = PayoutId(self.draw());
        let mut create = self.orders[order].create.clone();
        create.id = id;
        create.public_ids = vec![format!("P-{}", id.0), format!("Q-{}", id.0)];
        if self.faults.chance(20) {
            // The first candidate is taken.
            create.public_ids.insert(0, "P-1".to_owned());
        }
        self.hold_us_to_it(order, &mut create);
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
        let other_content = known.is_some() && self.faults.chance(25);
        if other_content {
            self.say_something_else(&mut create);
        }
        let asked = Asked::Create { order, other_content, nonce_is_used, stored: known };
        (Command::Create(Box::new(create)), asked)
    }

    /// Takes up what was promised, or, by mistake, what was promised for something else.
    fn hold_us_to_it(&self, order: usize, create: &mut CreatePayout) {
        create.locked = self.orders[order].quoted.clone().map(|it| it.1);
        if self.faults.chance(5) {
            let promised: Vec<_> = self.orders.iter().filter_map(|it| it.quoted.as_ref()).collect();
            create.locked = self.faults.pick(&promised).map(|it| it.1.clone());
        }
        if create.locked.is_some() && self.faults.chance(5) {
            create.priority = self.faults.pick(&Priority::ALL).copied().unwrap_or_default();
        }
    }

    fn say_something_else(&self, create: &mut CreatePayout) {
        match self.faults.below(5) {
            0 => create.asked = more(&create.asked),
            1 => "to-somebody-else".clone_into(&mut create.address),
            2 => {
                create.source = match create.source {
                    Source::Own => Source::Configured,
                    Source::Ticker(_) | Source::Configured => Source::Own,
                }
            }
            3 => {
                create.bearer = match create.bearer {
                    FeeBearer::Merchant => FeeBearer::Recipient,
                    FeeBearer::Recipient => FeeBearer::Merchant,
                }
            }
            _ => create.memo = Some("999".to_owned()),
        }
    }
}

pub(super) fn webhook(on: &[Status]) -> Webhook {
    Webhook { url: "https://merchant.example/hook".to_owned(), on: on.to_vec() }
}

/// So many units of a payout's asset.
fn exact(units: u128) -> AskedAmount {
    AskedAmount::Exact(scene::amount(units))
}

/// So many millionths of a coin.
fn millionths(units: u128) -> Decimal {
    Decimal::new(scene::amount(units), 6)
}

/// A little more.
fn more(asked: &AskedAmount) -> AskedAmount {
    let one = |amount: &Amount| amount.units() + 1;
    match asked {
        AskedAmount::Exact(amount) => exact(one(amount)),
        AskedAmount::Worth { currency, .. } => {
            AskedAmount::Worth { currency: currency.clone(), amount: millionths(299) }
        }
        AskedAmount::Spend(_) => AskedAmount::Spend(millionths(99)),
    }
}
