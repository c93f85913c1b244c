//! What a payout costs, who bears it, and until when a figure may be used.
//!
//! The rounding rule, written once: **every fee is rounded up to a whole smallest unit, once, and
//! what arrives is what is left.** So the parts always add up to the price exactly, and nobody but
//! the payer of a fee loses, by less than one smallest unit per fee.

use std::collections::BTreeMap;

use crate::{
    Timestamp,
    catalog::Catalog,
    command::Refusal,
    ids::AssetId,
    money::{Amount, Rate, Rounding},
};

/// Who bears the fees of a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeBearer {
    /// The merchant: fees come on top, and the asked amount arrives.
    Merchant,
    /// The recipient: fees come out of the asked amount.
    Recipient,
}

/// What arrives and what it costs, all in the payout's asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The amount in the request.
    pub asked: Amount,
    /// Who bears the fees.
    pub bearer: FeeBearer,
    /// What arrives.
    pub amount: Amount,
    /// What we charge.
    pub service_fee: Amount,
    /// What we charge for the network's own fee, whatever it turns out to be.
    pub network_fee: Amount,
    /// The price of a whole coin in US dollars when the quote was made, if one was known.
    pub usd_rate: Option<Rate>,
}

impl Quote {
    /// What the merchant is debited in all.
    pub fn price(&self) -> Amount {
        let with_service = self.amount.checked_add(self.service_fee);
        let price = with_service.and_then(|it| it.checked_add(self.network_fee));
        price.expect("the sum was checked when the quote was made")
    }
}

/// What we charge for our service: a part of the amount and a fixed sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeePlan {
    /// Millionths of the amount.
    pub parts_per_million: u32,
    /// A sum in the payout's asset.
    pub fixed: Amount,
}

/// What is known about paying one asset now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssetTerms {
    /// What we charge.
    pub fee_plan: FeePlan,
    /// What we charge for the network's fee, in this asset, and when that was found out. `None`
    /// while the network has not been asked successfully.
    pub network_fee: Option<(Amount, Timestamp)>,
    /// The least that may arrive.
    pub amount_min: Option<Amount>,
    /// The most that may arrive.
    pub amount_max: Option<Amount>,
    /// The price of a whole coin in US dollars, if one is known.
    pub usd_rate: Option<Rate>,
}

/// All terms at one moment: cached facts that accepting a payout rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBook {
    /// The terms of every asset that can be paid.
    pub terms: BTreeMap<AssetId, AssetTerms>,
    /// How old a network fee may be before it is refused instead of used, in milliseconds.
    pub age_ms_max: u64,
}

impl PriceBook {
    /// Prices a payout of `asked` units of `asset`.
    ///
    /// # Errors
    /// Refuses what cannot be priced, is too small or too large, or would leave nothing to arrive.
    pub fn quote(
        &self,
        asset: &AssetId,
        asked: Amount,
        bearer: FeeBearer,
        now: Timestamp,
    ) -> Result<Quote, Refusal> {
        let terms = self.terms.get(asset).ok_or(Refusal::AssetUnavailable)?;
        let Some((network_fee, found_at)) = terms.network_fee else {
            return Err(Refusal::Unavailable("the network fee is not known yet"));
        };
        if now.since_ms(found_at) > self.age_ms_max {
            return Err(Refusal::Unavailable("the network fee is out of date"));
        }
        if asked.is_zero() {
            return Err(Refusal::AmountTooSmall { minimum: terms.amount_min });
        }
        let too_large = Refusal::AmountTooLarge { maximum: terms.amount_max };
        let plan = terms.fee_plan;
        let service_fee = asked
            .scale(u128::from(plan.parts_per_million), 1_000_000, Rounding::Up)
            .and_then(|part| part.checked_add(plan.fixed))
            .ok_or_else(|| too_large.clone())?;
        let fees = service_fee.checked_add(network_fee).ok_or_else(|| too_large.clone())?;
        let amount = match bearer {
            FeeBearer::Merchant => asked.checked_add(fees).map(|_| asked),
            FeeBearer::Recipient => {
                let left = asked.checked_sub(fees).filter(|left| !left.is_zero());
                Some(left.ok_or(Refusal::AmountTooSmall { minimum: terms.amount_min })?)
            }
        };
        let amount = amount.ok_or_else(|| too_large.clone())?;
        if terms.amount_min.is_some_and(|minimum| amount < minimum) {
            return Err(Refusal::AmountTooSmall { minimum: terms.amount_min });
        }
        if terms.amount_max.is_some_and(|maximum| amount > maximum) {
            return Err(too_large);
        }
        Ok(Quote { asked, bearer, amount, service_fee, network_fee, usd_rate: terms.usd_rate })
    }
}

/// Turns a network's fee, in its fee asset, into another asset of the same network.
///
/// `None` where a price is missing or the result does not fit.
pub fn fee_in_asset(
    catalog: &Catalog,
    usd_rates: &BTreeMap<String, Rate>,
    fee: Amount,
    fee_asset: &AssetId,
    asset: &AssetId,
) -> Option<Amount> {
    if fee_asset == asset || fee.is_zero() {
        return Some(fee);
    }
    let from = catalog.asset(fee_asset.as_str())?;
    let to = catalog.asset(asset.as_str())?;
    let from_rate = usd_rates.get(&from.ticker)?;
    let to_rate = *usd_rates.get(&to.ticker)?;
    from_rate.convert(fee, from.decimals, to_rate, to.decimals, Rounding::Up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(units: u128) -> Amount {
        Amount::from_units(units).unwrap()
    }

    fn book(terms: AssetTerms) -> (PriceBook, AssetId) {
        let asset = AssetId::new("COIN@net");
        (PriceBook { terms: BTreeMap::from([(asset.clone(), terms)]), age_ms_max: 1_000 }, asset)
    }

    fn terms() -> AssetTerms {
        AssetTerms {
            fee_plan: FeePlan { parts_per_million: 10_000, fixed: amount(2) },
            network_fee: Some((amount(5), Timestamp(0))),
            amount_min: Some(amount(10)),
            amount_max: Some(amount(1_000)),
            usd_rate: None,
        }
    }

    #[test]
    fn fees_come_on_top_or_out_of_the_amount() {
        let (book, asset) = book(terms());
        let on_top = book.quote(&asset, amount(150), FeeBearer::Merchant, Timestamp(0)).unwrap();
        assert_eq!((on_top.amount, on_top.service_fee), (amount(150), amount(4)));
        assert_eq!(on_top.price(), amount(159));
        let out_of = book.quote(&asset, amount(150), FeeBearer::Recipient, Timestamp(0)).unwrap();
        assert_eq!((out_of.amount, out_of.price()), (amount(141), amount(150)));
    }

    #[test]
    fn refuses_rather_than_guesses() {
        let (mut book, asset) = book(terms());
        let ask = |book: &PriceBook, units, bearer, at| {
            book.quote(&asset, amount(units), bearer, Timestamp(at)).unwrap_err()
        };
        let small = Refusal::AmountTooSmall { minimum: Some(amount(10)) };
        let large = Refusal::AmountTooLarge { maximum: Some(amount(1_000)) };
        assert_eq!(ask(&book, 0, FeeBearer::Merchant, 0), small);
        assert_eq!(ask(&book, 9, FeeBearer::Merchant, 0), small);
        assert_eq!(ask(&book, 8, FeeBearer::Recipient, 0), small);
        assert_eq!(ask(&book, 1_001, FeeBearer::Merchant, 0), large);
        assert_eq!(ask(&book, Amount::MAX.units(), FeeBearer::Merchant, 0), large);
        assert!(matches!(ask(&book, 50, FeeBearer::Merchant, 1_001), Refusal::Unavailable(_)));
        book.terms.get_mut(&asset).unwrap().network_fee = None;
        assert!(matches!(ask(&book, 50, FeeBearer::Merchant, 0), Refusal::Unavailable(_)));
        let other = AssetId::new("OTHER@net");
        assert_eq!(
            book.quote(&other, amount(50), FeeBearer::Merchant, Timestamp(0)),
            Err(Refusal::AssetUnavailable)
        );
    }

    proptest::proptest! {
        #[test]
        fn the_parts_add_up_to_the_last_unit(
            asked in 1u128..=1_000_000_000_000_000_000_000_000_000,
            parts_per_million in 0u32..=1_000_000,
            fixed in 0u128..=1_000_000_000,
            network_fee in 0u128..=1_000_000_000_000,
            on_top: bool,
        ) {
            let (book, asset) = book(AssetTerms {
                fee_plan: FeePlan { parts_per_million, fixed: amount(fixed) },
                network_fee: Some((amount(network_fee), Timestamp(0))),
                ..AssetTerms::default()
            });
            let bearer = if on_top { FeeBearer::Merchant } else { FeeBearer::Recipient };
            let Ok(quote) = book.quote(&asset, amount(asked), bearer, Timestamp(0)) else {
                return Ok(());
            };
            let exact_millionths = asked * u128::from(parts_per_million);
            let part = quote.service_fee.units() - fixed;
            assert!(part * 1_000_000 >= exact_millionths, "a fee is never rounded down");
            assert!(part * 1_000_000 < exact_millionths + 1_000_000, "by less than one unit");
            let arrives_or_is_charged =
                if on_top { quote.amount } else { quote.price() };
            assert_eq!(arrives_or_is_charged.units(), asked);
            assert_eq!(
                quote.price().units(),
                quote.amount.units() + quote.service_fee.units() + quote.network_fee.units()
            );
        }
    }
}
