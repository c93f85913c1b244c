//! What merchants ask about payouts that exist, and whoever approves them.

use domain::{
    Timestamp,
    command::{Command, Nonce},
    ids::{KeyId, MerchantId, PayoutId},
    payout::Verdict,
};

use super::{Asked, Workload};
use crate::{scene, store::Contents};

impl Workload {
    pub(super) fn cancel(&mut self, stored: &Contents) -> Option<(Command, Asked)> {
        let told: Vec<(PayoutId, MerchantId)> =
            self.orders.iter().filter_map(|it| Some((it.told?, it.create.merchant))).collect();
        let (payout, owner) = *self.faults.pick(&told)?;
        let foreign = self.faults.chance(15);
        let merchant = if foreign { MerchantId(owner.0 + 1) } else { owner };
        let status = stored.payouts.get(&payout).map(|it| it.state.status());
        let asked = Asked::Cancel { payout, foreign, status };
        Some((Command::Cancel { merchant, payout }, asked))
    }

    /// Somebody answers whether a payout may be paid; more often about those that wait for it.
    pub(super) fn judge(&mut self, stored: &Contents, now: Timestamp) -> Option<(Command, Asked)> {
        let told: Vec<(PayoutId, MerchantId)> =
            self.orders.iter().filter_map(|it| Some((it.told?, it.create.merchant))).collect();
        let is_asked =
            |id: &PayoutId| stored.payouts.get(id).is_some_and(|it| it.approval.is_some());
        let asked: Vec<_> = told.iter().filter(|it| is_asked(&it.0)).copied().collect();
        let from = if self.faults.chance(90) { &asked } else { &told };
        let (payout, owner) = *self.faults.pick(from)?;
        let foreign = self.faults.chance(10);
        let merchant = if foreign { MerchantId(owner.0 + 1) } else { owner };
        let status = stored.payouts.get(&payout).map(|it| it.state.status());
        let verdict = self.verdict(merchant, self.faults.chance(65), now);
        let asked = Asked::Judge { payout, foreign, status };
        Some((Command::Judge { merchant, payout, verdict }, asked))
    }

    pub(super) fn verdict(
        &mut self,
        merchant: MerchantId,
        approve: bool,
        now: Timestamp,
    ) -> Verdict {
        Verdict {
            approve,
            key: Some(KeyId(merchant.0)),
            key_public: format!("key-{merchant}"),
            // No two answers are the same.
            ip: format!("10.0.0.{}", self.draw()),
            user_agent: "judge".to_owned(),
            at: now,
        }
    }

    pub(super) fn use_nonce(&mut self) -> (Command, Asked) {
        let fresh = Nonce { key: KeyId(scene::RICH.0), text: format!("alone-{}", self.draw()) };
        let used = self.used_nonces.last().filter(|_| self.faults.chance(50)).cloned();
        let asked = Asked::UseNonce { used: used.is_some() };
        (Command::UseNonce(used.unwrap_or(fresh)), asked)
    }
}
