//! What a payout costs, who bears it, what is sold for it, and until when a figure may be used.
//!
//! The rounding rule, written once:
//!
//! * **What is charged is rounded up, what is bought for a given sum is rounded down**, each once, to
//!   a whole smallest unit: a fee, the cost of a conversion, the worth of a fiat amount.
//! * **What arrives is what is left.** Arriving amount, service fee and network fee add up to the
//!   price exactly; the merchant's own part and what is bought add up to the price exactly.
//!
//! So nothing is created and nothing is lost, and whoever pays loses less than one smallest unit
//! per figure.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Timestamp,
    catalog::{Asset, Catalog},
    command::Refusal,
    ids::AssetId,
    money::{Amount, Decimal, Rate, Rounding},
    rates::{Priced, RateBook},
};

/// Who bears the fees of a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeBearer {
    /// The merchant: fees come on top, and the asked amount arrives.
    Merchant,
    /// The recipient: fees come out of the asked amount.
    Recipient,
}

/// What arrives and what it costs, in the payout's asset, and what is sold for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The amount that was asked for, before fees.
    pub asked: Amount,
    /// Who bears the fees.
    pub bearer: FeeBearer,
    /// What arrives.
    pub amount: Amount,
    /// What we charge.
    pub service_fee: Amount,
    /// What we charge for the network's own fee, whatever it turns out to be.
    pub network_fee: Amount,
    /// The price of a whole coin when the quote was made, if one was known.
    pub usd: Option<Priced>,
    /// The sum in another currency that `asked` is worth, if that was asked for.
    pub worth: Option<Worth>,
    /// What the merchant sells for the part of the price that is not paid in the payout's asset.
    pub conversions: Vec<Conversion>,
}

/// A sum in a currency that nobody holds here, and its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worth {
    /// The currency's code, in capitals.
    pub currency: String,
    /// How much of it.
    pub amount: Decimal,
    /// The price of one of it.
    pub price: Priced,
}

/// The merchant sells some of one asset to the house, which gives some of the payout's asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// What is sold.
    pub from: AssetId,
    /// How much of it, the spread included.
    pub cost: Amount,
    /// How much of it is set aside beside that until the payout ends, and returned.
    pub insurance: Amount,
    /// What it buys, in the payout's asset.
    pub bought: Amount,
    /// The price of a whole coin of what is sold; `None` if both are the same coin on two networks,
    /// exchanged one for one.
    pub price: Option<Priced>,
}

impl Conversion {
    /// Everything that is set aside for it.
    pub fn set_aside(&self) -> Amount {
        self.cost.checked_add(self.insurance).expect("the sum was checked when the quote was made")
    }
}

impl Quote {
    /// What the payout costs in all, in its asset.
    pub fn price(&self) -> Amount {
        let with_service = self.amount.checked_add(self.service_fee);
        let price = with_service.and_then(|it| it.checked_add(self.network_fee));
        price.expect("the sum was checked when the quote was made")
    }

    /// The part of the price that the merchant pays in the payout's asset; the rest is bought.
    pub fn own_part(&self) -> Amount {
        let bought = |left: Amount, it: &Conversion| left.checked_sub(it.bought);
        let own = self.conversions.iter().try_fold(self.price(), bought);
        own.expect("no more is bought than the price, as was checked when the quote was made")
    }

    /// Whether the sums that [`Self::price`], [`Self::own_part`] and [`Conversion::set_aside`] make
    /// can be made. Whoever reads a quote from somewhere asks first.
    pub fn adds_up(&self) -> bool {
        let with_service = self.amount.checked_add(self.service_fee);
        let price = with_service.and_then(|it| it.checked_add(self.network_fee));
        let bought = |left: Amount, it: &Conversion| left.checked_sub(it.bought);
        price.and_then(|it| self.conversions.iter().try_fold(it, bought)).is_some()
            && self.conversions.iter().all(|it| it.cost.checked_add(it.insurance).is_some())
    }
}

/// What we charge for our service: a part of the amount and a fixed sum, and at least a minimum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeePlan {
    /// Millionths of the amount.
    pub parts_per_million: u32,
    /// A sum in the payout's asset.
    pub fixed: Amount,
    /// The least that is charged, in the payout's asset.
    pub minimum: Amount,
}

impl FeePlan {
    /// The fee for paying so much; `None` where it does not fit.
    pub fn fee(self, amount: Amount) -> Option<Amount> {
        let part =
            amount.scale(u128::from(self.parts_per_million), u128::from(MILLION), Rounding::Up)?;
        Some(part.checked_add(self.fixed)?.max(self.minimum))
    }
}

pub(crate) const MILLION: u32 = 1_000_000;

/// What is known about paying one asset now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssetTerms {
    /// What we charge, if no plan is agreed with the merchant.
    pub fee_plan: FeePlan,
    /// What we charge for the network's fee, in this asset, and when that was found out. `None`
    /// while the network has not been asked successfully.
    pub network_fee: Option<(Amount, Timestamp)>,
    /// The least that may arrive.
    pub amount_min: Option<Amount>,
    /// The most that may arrive.
    pub amount_max: Option<Amount>,
}

/// How the house exchanges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversionTerms {
    /// What is charged beyond the price, in millionths of the cost.
    pub spread_parts_per_million: u32,
    /// What is set aside beside the cost where that is asked for, in millionths of the cost.
    pub insurance_parts_per_million: u32,
    /// What the house sells. Nothing else can be bought.
    pub sells: BTreeSet<AssetId>,
    /// Coins that are exchanged one for one between networks, by ticker.
    pub at_par: BTreeSet<String>,
    /// How far below zero the house's inventory of an asset may go.
    pub overdrafts: BTreeMap<AssetId, Amount>,
    /// How long a quote holds, in milliseconds.
    pub quote_ms: u64,
}

/// What is agreed with one merchant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MerchantTerms {
    /// Where prices are taken from if a request does not say; the median of all if this is `None`.
    pub rate_source: Option<String>,
    /// What is sold, in this order, in APIs that leave it to the merchant's settings. All of them
    /// are the same coin. If there is none, payouts are paid in their own asset.
    pub sources: Vec<AssetId>,
    /// Where payouts that need an approval are announced, in APIs that leave it to the settings.
    pub approval_url: Option<String>,
    /// What is charged for paying an asset, instead of what everybody is charged.
    pub fee_plans: BTreeMap<AssetId, FeePlan>,
}

/// All terms at one moment: cached facts that accepting a payout rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBook {
    /// The terms of every asset that can be paid.
    pub terms: BTreeMap<AssetId, AssetTerms>,
    /// How old a network fee may be before it is refused instead of used, in milliseconds.
    pub age_ms_max: u64,
    /// Prices in US dollars.
    pub rates: RateBook,
    /// How the house exchanges.
    pub conversion: ConversionTerms,
    /// What is agreed with single merchants, by name.
    pub merchants: BTreeMap<String, MerchantTerms>,
    /// What is agreed with all others.
    pub everybody: MerchantTerms,
    /// How long an approval may take, in milliseconds.
    pub approval_ms: u64,
}

impl PriceBook {
    /// What is agreed with a merchant.
    pub fn merchant(&self, name: &str) -> &MerchantTerms {
        self.merchants.get(name).unwrap_or(&self.everybody)
    }

    /// What a merchant is charged for paying an asset; `None` if it is not paid.
    pub fn fee_plan(&self, merchant: &str, asset: &AssetId) -> Option<FeePlan> {
        let terms = self.terms.get(asset)?;
        Some(self.merchant(merchant).fee_plans.get(asset).copied().unwrap_or(terms.fee_plan))
    }

    /// What we charge for the network's fee of paying an asset.
    ///
    /// # Errors
    /// If it is not paid, or the fee is not known or out of date.
    pub fn network_fee(&self, asset: &AssetId, now: Timestamp) -> Result<Amount, Refusal> {
        let terms = self.terms.get(asset).ok_or(Refusal::AssetUnavailable)?;
        let Some((network_fee, found_at)) = terms.network_fee else {
            return Err(Refusal::TermsUnknown("the network fee is not known yet"));
        };
        if now.since_ms(found_at) > self.age_ms_max {
            return Err(Refusal::TermsUnknown("the network fee is out of date"));
        }
        Ok(network_fee)
    }

    /// Whether two assets are exchanged one for one.
    pub fn is_at_par(&self, one: &Asset, other: &Asset) -> bool {
        one.ticker == other.ticker && self.conversion.at_par.contains(&one.ticker)
    }
}

/// Turns a network's fee, in its fee asset, into another asset of the same network.
///
/// `None` where a price is missing or the result does not fit.
pub fn fee_in_asset(
    catalog: &Catalog,
    price: &dyn Fn(&str) -> Option<Rate>,
    fee: Amount,
    fee_asset: &AssetId,
    asset: &AssetId,
) -> Option<Amount> {
    if fee_asset == asset || fee.is_zero() {
        return Some(fee);
    }
    let from = catalog.asset(fee_asset.as_str())?;
    let to = catalog.asset(asset.as_str())?;
    price(&from.ticker)?.convert(fee, from.decimals, price(&to.ticker)?, to.decimals, Rounding::Up)
}
