//! Merchants who set money apart and take it back.

use domain::{
    command::{Accepted, Command, Direction, Refusal},
    ids::AssetId,
    ledger::LedgerAccount,
    money::{AmountError, Decimal},
};

use super::{Asked, Slice, Transfer, Workload};
use crate::{
    auditor::{Violation, must},
    scene,
};

/// More decimals than any asset here has.
const DECIMALS: u8 = 8;
/// More than anybody has, in hundred-millionths.
const FAR_TOO_MUCH: u64 = 10_000_000_000;

impl Workload {
    pub(super) fn transfer(&mut self) -> (Command, Asked) {
        let merchant = if self.faults.chance(50) { scene::RICH } else { scene::POOR };
        let ticker = match self.faults.below(20) {
            0 => "DREAM",
            1..=8 => "COIN",
            _ => "TOKEN",
        };
        let units = match self.faults.below(10) {
            0 => 0,
            1..=3 => FAR_TOO_MUCH + self.faults.below(50_000),
            _ => self.faults.below(50_000),
        };
        // Most amounts have no more digits than the coins of most networks.
        let units = if self.faults.chance(70) { units / 100 * 100 } else { units };
        let direction =
            if self.faults.chance(60) { Direction::ToPersonal } else { Direction::ToBusiness };
        let amount = Decimal::new(scene::amount(u128::from(units)), DECIMALS);
        let (ticker, units) = (ticker.to_owned(), i128::from(units));
        let transfer = Transfer { merchant, ticker: ticker.clone(), units, direction, done: None };
        // What nobody is told of was not done, until the question leaves.
        self.transfers.push(Transfer { done: Some(false), ..transfer });
        let command = Command::Transfer { merchant, ticker, amount, direction };
        (command, Asked::Transfer(self.transfers.len() - 1))
    }

    /// A slice leaves its merchants, who do not know from here on what will have become of it.
    pub(crate) fn begin(&mut self, slice: &Slice) {
        for asked in &slice.asked {
            if let Asked::Transfer(transfer) = asked {
                self.transfers[*transfer].done = None;
            }
        }
    }

    pub(super) fn heard_of_transfer(
        &mut self,
        transfer: usize,
        answer: &Result<Accepted, Refusal>,
    ) -> Result<(), Violation> {
        let transfer = &mut self.transfers[transfer];
        transfer.done = Some(answer.is_ok());
        match answer {
            Ok(accepted) => {
                let possible = 1..i128::from(FAR_TOO_MUCH);
                must!(possible.contains(&transfer.units), "nobody could do that: {transfer:?}");
                let moved = matches!(accepted, Accepted::Moved { .. });
                must!(moved, "{transfer:?} was answered with {accepted:?}");
            }
            Err(refusal) => {
                must!(transfer.may_fail(refusal), "there is no reason for that: {transfer:?}");
            }
        }
        Ok(())
    }

    /// All is quiet: merchants have set apart what they were told, but for what they were not told.
    pub(crate) fn check_transfers(
        &self,
        balance: impl Fn(&LedgerAccount, &AssetId) -> i128,
    ) -> Result<(), Violation> {
        for merchant in [scene::RICH, scene::POOR] {
            for ticker in ["COIN", "TOKEN"] {
                let asked = self.transfers.iter();
                let asked = asked.filter(|it| it.merchant == merchant && it.ticker == ticker);
                let (mut least, mut most) = (0, 0);
                for it in asked {
                    let units = match it.direction {
                        Direction::ToPersonal => it.units,
                        Direction::ToBusiness => -it.units,
                    };
                    match it.done {
                        Some(false) => {}
                        Some(true) => (least, most) = (least + units, most + units),
                        None => (least, most) = (least + units.min(0), most + units.max(0)),
                    }
                }
                let account = LedgerAccount::Personal(merchant);
                let assets = scene::paid_assets();
                let held = assets.iter().filter(|it| scene::ticker(it) == ticker).map(|it| {
                    let missing = u32::from(DECIMALS) - scene::decimals(it);
                    balance(&account, it) * 10i128.pow(missing)
                });
                let held: i128 = held.sum();
                must!(
                    (least..=most).contains(&held),
                    "{merchant:?} has set {held} of {ticker} apart; right: {least} to {most}"
                );
            }
        }
        Ok(())
    }
}

impl Transfer {
    fn may_fail(&self, refusal: &Refusal) -> bool {
        let has_plenty = self.merchant == scene::RICH
            && self.units < i128::from(FAR_TOO_MUCH)
            && self.direction == Direction::ToPersonal;
        let is_too_precise = self.ticker == "COIN" && self.units % 100 != 0;
        match self.ticker.as_str() {
            "DREAM" if self.units > 0 => *refusal == Refusal::UnknownAsset,
            _ if self.units == 0 => matches!(refusal, Refusal::AmountTooSmall { .. }),
            _ if is_too_precise => *refusal == Refusal::Amount(AmountError::TooPrecise),
            _ => *refusal == Refusal::InsufficientFunds && !has_plenty,
        }
    }
}
