//! Whether there is a reason for a refusal.

use domain::{
    command::{Asked, CreatePayout, Least, Refusal, Source},
    ids::AssetId,
    ledger::LedgerAccount,
};

use super::{Expected, Moment};
use crate::{
    auditor::prices::{holds, is_whole, price, set_aside, sold, whole_price},
    scene,
};

/// Whether the facts are a reason to refuse this for that.
pub(super) fn may_refuse(
    expected: Expected,
    create: &CreatePayout,
    refusal: &Refusal,
    moment: &Moment<'_>,
) -> bool {
    match expected {
        Expected::BadDestination => matches!(refusal, Refusal::Destination(_)),
        Expected::UnknownAsset => *refusal == Refusal::UnknownAsset,
        Expected::AssetUnavailable => *refusal == Refusal::AssetUnavailable,
        Expected::Stopped => *refusal == Refusal::MerchantPaused,
        Expected::Accepted => {
            is_unknown(create, refusal, moment)
                || (is_short(create, refusal) && !was_enough(create, refusal, moment))
                || (is_not_sold(create, refusal) && !was_enough(create, refusal, moment))
                || is_less_than_least(create, refusal)
        }
        Expected::TooLarge => {
            matches!(refusal, Refusal::AmountTooLarge { .. }) || is_unknown(create, refusal, moment)
        }
        Expected::TooSmall => {
            matches!(refusal, Refusal::AmountTooSmall { .. }) || is_unknown(create, refusal, moment)
        }
        Expected::NoWallet => {
            // The coin has no price either, which a quote finds out first.
            *refusal == Refusal::NoWallet
                || is_not_sold(create, refusal)
                || is_unknown(create, refusal, moment)
        }
    }
}

/// A figure is not known, or a promise does not hold.
fn is_unknown(create: &CreatePayout, refusal: &Refusal, moment: &Moment<'_>) -> bool {
    if let (Refusal::RateUnknown { currency }, None) = (refusal, &create.locked) {
        let Moment { market, at, .. } = moment;
        let courses = [None, create.course.as_deref()];
        return courses
            .iter()
            .any(|course| price(create, market, *at, (currency, *course)).is_none());
    }
    match &create.locked {
        Some(locked) => {
            let is_good = holds(locked, create, moment.at) && is_whole(create);
            *refusal == Refusal::QuoteExpired && !is_good
        }
        None => {
            let is_known = moment.market.fee(&create.asset, moment.at).is_some();
            matches!(refusal, Refusal::TermsUnknown(_)) && !is_known
        }
    }
}

/// The poor merchant has not enough.
fn is_short(create: &CreatePayout, refusal: &Refusal) -> bool {
    let own = scene::ticker(&create.asset);
    let lacks = match sold(create) {
        None => *refusal == Refusal::InsufficientFunds,
        Some(from) => {
            let lacks = Refusal::InsufficientForConversion { from, to: own.to_owned() };
            *refusal == lacks
        }
    };
    lacks && create.merchant == scene::POOR
}

/// The house does not sell that, or has not enough of it.
fn is_not_sold(create: &CreatePayout, refusal: &Refusal) -> bool {
    let Refusal::NotConvertible(_) = refusal else { return false };
    let is_par = scene::ticker(&create.asset) == scene::AT_PAR;
    match create.source {
        Source::Own => is_par && create.merchant == scene::POOR,
        Source::Ticker(_) | Source::Configured => {
            sold(create).is_some() || (is_par && create.merchant == scene::POOR)
        }
    }
}

/// There was enough of what is said to be missing, as far as that is known.
fn was_enough(create: &CreatePayout, refusal: &Refusal, moment: &Moment<'_>) -> bool {
    let (market, at) = (moment.market, moment.at);
    let (Some(balances), Some(price)) = (moment.balances, whole_price(create, market, at)) else {
        return false;
    };
    let held = |account: LedgerAccount, asset: &AssetId| {
        balances.get(&(account, asset.clone())).copied().unwrap_or_default()
    };
    let has = |asset: &AssetId| {
        held(LedgerAccount::Available(create.merchant), asset).max(0).cast_unsigned()
    };
    let own = if sold(create).is_none() { has(&create.asset) } else { 0 };
    let others = scene::paid_assets().into_iter().filter(|it| *it != create.asset);
    if let Refusal::NotConvertible(_) = refusal {
        let house = held(LedgerAccount::Inventory, &create.asset)
            + scene::overdraft(&create.asset).signed();
        let is_sold = scene::SELLS.contains(&create.asset.as_str());
        return is_sold && house >= price.saturating_sub(own).cast_signed();
    }
    match sold(create) {
        None => {
            let is_par = |it: &AssetId| {
                [it, &create.asset].iter().all(|it| scene::ticker(it) == scene::AT_PAR)
            };
            let exchanged =
                |it: AssetId| has(&it) * scene::scale(&create.asset) / scene::scale(&it);
            own + others.filter(is_par).map(exchanged).sum::<u128>() >= price
        }
        Some(from) => others.filter(|it| scene::ticker(it) == from).any(|it| {
            let cost = set_aside(create, (market, at), &it, price);
            cost.is_some_and(|cost| cost <= has(&it))
        }),
    }
}

/// The request itself says what is too little.
fn is_less_than_least(create: &CreatePayout, refusal: &Refusal) -> bool {
    // What is sold has no minimum in the payout's asset.
    let is_sale = matches!(create.asked, Asked::Spend(_));
    let Refusal::AmountTooSmall { minimum } = refusal else { return false };
    create.least != Least::default() && (minimum.is_some() || is_sale)
}
