//! The chain as a rail.
//!
//! A second transaction for the same payouts carries the first one's number, or spends its coins,
//! and has a higher maximum fee, so at most one of them is ever included.

use std::collections::BTreeSet;

use domain::{
    BoxFuture,
    batch::{Attempt, Observation, SignedTx},
    catalog::Asset,
    chore::Chore,
    ids::{AssetId, CoinId},
    lane::Lane,
    money::{Amount, Rounding},
    ports::{
        BuildError, Draft, Handover, Hold, HoldReason, Holding, Rail, RailProfile, Signature,
        Unreachable, UnsignedTx,
    },
};

use crate::{
    chain::SimChain,
    history::Standing,
    payload::{self, FORMAT, Payload, PayloadPayment, Uses},
};

/// How many times the present fee a new transaction offers at most, so that it does not get stuck
/// at the first rise.
const FEE_HEADROOM: u128 = 2;
/// By how many hundredths a replacement's maximum must be above its predecessor's.
const FEE_BUMP_PERCENT: u128 = 25;

/// One network over a chain in memory.
#[derive(Clone, Debug)]
pub struct SimRail {
    chain: SimChain,
    profile: RailProfile,
    fee_asset: AssetId,
    fee_cap: Amount,
}

impl SimRail {
    /// Carries payouts over `chain`, which charges in `fee_asset`, for at most `fee_cap` a
    /// transaction.
    pub fn new(chain: SimChain, profile: RailProfile, fee_asset: AssetId, fee_cap: Amount) -> Self {
        Self { chain, profile, fee_asset, fee_cap }
    }

    /// The same network as another chain shows it: another node's view.
    #[must_use]
    pub fn over(&self, chain: SimChain) -> Self {
        Self { chain, ..self.clone() }
    }

    /// The chain below.
    pub fn chain(&self) -> &SimChain {
        &self.chain
    }

    fn draft(&self, draft: Draft<'_>) -> Result<UnsignedTx, BuildError> {
        self.chain.open_wallet(draft.lane);
        let paid = draft.payouts.iter().map(|payout| PayloadPayment {
            asset: payout.asset.clone(),
            amount: payout.quote.amount,
            address: payout.destination.address.clone(),
            memo: payout.destination.memo.clone(),
        });
        let mut payments: Vec<PayloadPayment> = paid.collect();
        let mut skipped = None;
        match draft.chore {
            None => {}
            Some(Chore::Fill { sequence }) => skipped = Some(*sequence),
            Some(Chore::TopUp(it)) => payments.push(PayloadPayment {
                asset: it.asset.clone(),
                amount: it.amount,
                address: it.destination.address.clone(),
                memo: it.destination.memo.clone(),
            }),
            Some(Chore::Prepare(what)) => {
                return Err(BuildError::Refused(format!("{what:?} is nothing to prepare here")));
            }
        }
        let fee_max = self.fee_max(&draft)?;
        let uses = self.uses(&draft, skipped, payments.len())?;
        let places = (0_u32..).zip(&payments);
        let refused = places.filter(|it| self.chain.refuses(&it.1.address));
        let refused: Vec<(u32, &PayloadPayment)> = refused.collect();
        if let Some((_, first)) = refused.first() {
            let detail = format!("{} cannot be paid", first.address);
            if payments.len() == 1 {
                return Err(BuildError::Refused(detail));
            }
            let alone = refused.iter().map(|it| it.0).collect();
            return Err(BuildError::Split { alone, detail });
        }
        self.check_funds(draft.lane, &payments, fee_max, uses.numbers())?;
        let network = self.profile.network.clone();
        let lane = draft.lane.id.clone();
        let payload = Payload { network, lane, uses: uses.clone(), fee_max, payments };
        let text = payload.to_text();
        let text =
            text.ok_or_else(|| BuildError::Refused("an address is unreadable".to_owned()))?;
        Ok(UnsignedTx {
            format: FORMAT,
            payload: text.into_bytes(),
            sequence: match &uses {
                Uses::Sequence(number) => Some(*number),
                Uses::Coins(_) => None,
            },
            sequences_used: 1,
            spends: match &uses {
                Uses::Sequence(_) => vec![],
                Uses::Coins(coins) => coins.iter().map(|it| CoinId::new(&it.to_string())).collect(),
            },
            fee_max,
        })
    }

    /// What the transaction uses up: what its predecessor does, and sometimes a coin more, or what
    /// nothing uses. A transaction of several payments spends two coins.
    fn uses(
        &self,
        draft: &Draft<'_>,
        skipped: Option<u64>,
        payments: usize,
    ) -> Result<Uses, BuildError> {
        let lane = draft.lane;
        if !self.chain.is_of_coins() {
            let previous = draft.replaces.map(|it| it.sequence.ok_or(BuildError::NotNeeded));
            let number = match previous {
                Some(previous) => previous?,
                None => skipped
                    .unwrap_or_else(|| self.chain.free_sequence(&lane.id, lane.next_sequence)),
            };
            return Ok(Uses::Sequence(number));
        }
        let unreadable = || BuildError::Refused("a coin is unreadable".to_owned());
        let spent: Option<BTreeSet<u64>> =
            draft.spent.iter().map(|it| it.as_str().parse().ok()).collect();
        let spent = spent.ok_or_else(unreadable)?;
        let Some(previous) = draft.replaces else {
            let count = if payments > 1 { 2 } else { 1 };
            return Ok(Uses::Coins(self.chain.free_coins(&lane.id, count, &spent)));
        };
        let Some(Uses::Coins(mut coins)) = Uses::of(None, &previous.spends) else {
            return Err(unreadable());
        };
        // Not always, so that both kinds of replacements are made.
        if previous.fee_max.units() % 2 == 1 {
            let without = spent.into_iter().chain(coins.iter().copied()).collect();
            coins.extend(self.chain.free_coins(&lane.id, 1, &without));
            coins.sort_unstable();
        }
        Ok(Uses::Coins(coins))
    }

    fn fee_max(&self, draft: &Draft<'_>) -> Result<Amount, BuildError> {
        let level = self.chain.fee_level();
        let percent = FEE_HEADROOM * u128::from(draft.priority().percent());
        let offer = level.scale(percent, 100, Rounding::Up).unwrap_or(Amount::MAX);
        let fee_max = match draft.replaces {
            None => offer,
            // It offers enough: it only has to be waited for.
            Some(previous) if previous.fee_max >= level && !draft.overdue => {
                return Err(BuildError::NotNeeded);
            }
            Some(previous) => {
                let bumped = previous.fee_max.scale(100 + FEE_BUMP_PERCENT, 100, Rounding::Up);
                offer.max(bumped.unwrap_or(Amount::MAX))
            }
        };
        if level > self.fee_cap {
            return Err(hold(HoldReason::FeeAboveCap, "the network asks for more than the cap"));
        }
        let fee_max = fee_max.min(self.fee_cap);
        match draft.replaces {
            // No more may be offered, and that is enough.
            Some(previous) if fee_max <= previous.fee_max => Err(BuildError::NotNeeded),
            Some(_) | None => Ok(fee_max),
        }
    }

    fn check_funds(
        &self,
        lane: &Lane,
        payments: &[PayloadPayment],
        fee_max: Amount,
        uses: &[u64],
    ) -> Result<(), BuildError> {
        let needed = |asset: &AssetId| {
            let paid = payments.iter().filter(|it| it.asset == *asset);
            paid.map(|it| it.amount.signed()).fold(0, i128::saturating_add)
        };
        let spendable = |asset: &AssetId| self.chain.spendable(lane, asset, uses);
        for asset in payments.iter().map(|it| &it.asset) {
            if spendable(asset) < needed(asset) {
                let detail = format!("{} holds too little {asset}", lane.address);
                return Err(hold(HoldReason::AwaitingFunds, &detail));
            }
        }
        let with_fee = needed(&self.fee_asset).saturating_add(fee_max.signed());
        let lacks = with_fee.saturating_sub(spendable(&self.fee_asset));
        if let Some(lacks) = u128::try_from(lacks).ok().filter(|it| *it > 0) {
            let detail = format!("{} holds too little {} for fees", lane.address, self.fee_asset);
            let lacks = Amount::from_units(lacks).unwrap_or(Amount::MAX);
            return Err(BuildError::AwaitingGas { lacks, detail });
        }
        Ok(())
    }

    fn look(&self, lane: &Lane, attempt: &Attempt) -> Observation {
        let uses = Uses::of(attempt.sequence, &attempt.spends);
        match self.chain.standing(&lane.id, uses.as_ref(), &attempt.tx.txid) {
            Standing::Unknown => Observation::Missing,
            Standing::Waiting => Observation::Pending,
            Standing::InBlock => Observation::InBlock,
            Standing::Final { fee, reverted: true, .. } => Observation::Reverted { fee },
            Standing::Final { fee, reverted: false, unpaid } => Observation::Final { fee, unpaid },
            Standing::Excluded(_) => Observation::Dead,
        }
    }
}

fn hold(reason: HoldReason, detail: &str) -> BuildError {
    BuildError::Hold(Hold { reason, detail: detail.to_owned() })
}

impl Rail for SimRail {
    fn profile(&self) -> &RailProfile {
        &self.profile
    }

    fn quote_fee<'a>(&'a self, _asset: &'a Asset) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        Box::pin(async move { Ok(self.chain.fee_level()) })
    }

    fn build<'a>(&'a self, draft: Draft<'a>) -> BoxFuture<'a, Result<UnsignedTx, BuildError>> {
        Box::pin(async move { self.draft(draft) })
    }

    fn finalize(&self, unsigned: &UnsignedTx, signature: &Signature) -> Result<SignedTx, String> {
        let raw = payload::signed(&unsigned.payload, signature);
        match payload::read_signed(&raw) {
            Some(_) => Ok(SignedTx { txid: payload::txid(&raw), raw }),
            None => Err("the signature is empty or the payload is not one of ours".to_owned()),
        }
    }

    fn broadcast<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<Handover, Unreachable>> {
        Box::pin(async move { Ok(self.chain.submit(&tx.raw)) })
    }

    fn observe<'a>(
        &'a self,
        lane: &'a Lane,
        attempts: &'a [Attempt],
        _before: &'a [Attempt],
    ) -> BoxFuture<'a, Result<Vec<Observation>, Unreachable>> {
        Box::pin(async move {
            self.chain.open_wallet(lane);
            Ok(attempts.iter().map(|it| self.look(lane, it)).collect())
        })
    }

    fn holdings<'a>(
        &'a self,
        lane: &'a Lane,
        assets: &'a [Asset],
    ) -> BoxFuture<'a, Result<Vec<Holding>, Unreachable>> {
        Box::pin(async move {
            self.chain.open_wallet(lane);
            let held = |asset: &Asset| Holding {
                asset: asset.id.clone(),
                amount: self.chain.holding(&lane.address, &asset.id),
            };
            Ok(assets.iter().map(held).collect())
        })
    }
}
