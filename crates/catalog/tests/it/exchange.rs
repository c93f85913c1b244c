//! Every asset against every other: what is quoted adds up, and the ledger takes exactly that.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Timestamp,
    catalog::{Asset, Catalog, Destination},
    command::{Asked, CreatePayout, Source},
    ids::{AssetId, DialectId, LaneId, MerchantId, PayoutId},
    ledger::{self, LedgerAccount},
    merchant::Merchant,
    money::{Amount, Decimal, Rate},
    payout::Payout,
    pricing::{Plenty, Question},
    quote::{AssetTerms, ConversionTerms, FeeBearer, FeePlan, PriceBook, Quote},
    rates::RateBook,
};

use crate::rows::ALL;

const NOW: Timestamp = Timestamp(1);

/// A price for a ticker, from a ten-millionth of a dollar to some thousands of them.
fn price(ticker: &str) -> Rate {
    let sum = ticker.bytes().fold(7u64, |sum, byte| (sum * 31 + u64::from(byte)) % 99_999_999_989);
    let text = format!("{}.{:07}", sum / 10_000_000, sum % 10_000_000);
    Rate::parse(&text).expect("it is above zero")
}

/// Everything is sold; fees of one percent and something, which seldom is a whole unit.
fn book(catalog: &Catalog) -> PriceBook {
    let mut rates = RateBook::default();
    for asset in catalog.assets() {
        rates.fix(&asset.ticker, price(&asset.ticker));
    }
    let terms = AssetTerms {
        fee_plan: FeePlan { parts_per_million: 12_345, ..FeePlan::default() },
        network_fee: Some((Amount::from_units(3).expect("it is small"), NOW)),
        ..AssetTerms::default()
    };
    PriceBook {
        terms: catalog.assets().map(|it| (it.id.clone(), terms.clone())).collect(),
        age_ms_max: 1,
        rates,
        conversion: ConversionTerms {
            spread_parts_per_million: 7_777,
            insurance_parts_per_million: 3_333,
            sells: catalog.assets().map(|it| it.id.clone()).collect(),
            at_par: catalog.assets().map(|it| it.ticker.clone()).collect(),
            ..ConversionTerms::default()
        },
        ..PriceBook::default()
    }
}

fn payout(create: &CreatePayout, asset: &Asset, quote: &Quote) -> Payout {
    let destination = Destination { address: String::new(), memo: None };
    Payout::new(create, asset.network.clone(), destination, quote.clone(), NOW)
}

/// What the ledger takes and gives when a payout is accepted and paid.
fn flows(payout: &Payout) -> BTreeMap<(LedgerAccount, AssetId), i128> {
    let lane = LaneId::new("some/lane");
    let mut flows = BTreeMap::new();
    let postings = ledger::reserve(payout, NOW).into_iter();
    for it in postings.chain(ledger::settle(payout, &lane, NOW)) {
        *flows.entry((it.debit, it.asset.clone())).or_default() -= it.amount.signed();
        *flows.entry((it.credit, it.asset)).or_default() += it.amount.signed();
    }
    flows.retain(|_, units| *units != 0);
    flows
}

#[track_caller]
fn check(asset: &Asset, create: &CreatePayout, quote: &Quote) {
    assert!(quote.adds_up(), "{create:?}");
    let fees = quote.service_fee.units() + quote.network_fee.units();
    assert_eq!(quote.amount.units() + fees, quote.price().units());
    let bought: u128 = quote.conversions.iter().map(|it| it.bought.units()).sum();
    assert_eq!(quote.own_part().units() + bought, quote.price().units());
    let flows = flows(&payout(create, asset, quote));
    let mut sums: BTreeMap<&AssetId, i128> = BTreeMap::new();
    for ((_, asset), units) in &flows {
        *sums.entry(asset).or_default() += units;
    }
    assert!(sums.values().all(|it| *it == 0), "{create:?}: {flows:?}");
    let reserved = |it: &LedgerAccount| {
        matches!(it, LedgerAccount::Reserved(_) | LedgerAccount::InventoryReserved)
    };
    assert!(!flows.keys().any(|it| reserved(&it.0)), "{create:?}: {flows:?}");
    let paid: i128 = -flows
        .iter()
        .filter(|it| matches!(it.0.0, LedgerAccount::Available(_)))
        .map(|it| it.1)
        .sum::<i128>();
    let cost: u128 = quote.conversions.iter().map(|it| it.cost.units()).sum();
    assert_eq!(paid, i128::try_from(quote.own_part().units() + cost).expect("it fits"));
}

#[test]
fn every_asset_is_bought_with_every_coin_to_the_last_unit() {
    let catalog = &*ALL;
    let book = book(catalog);
    let tickers: BTreeSet<&str> = catalog.assets().map(|it| it.ticker.as_str()).collect();
    let merchant = Merchant {
        id: MerchantId(1),
        name: "shop".to_owned(),
        webhook_url: None,
        paused: false,
        created_at: NOW,
        version: 1,
    };
    let mut quoted = 0;
    for asset in catalog.assets() {
        let whole = 10u128.pow(u32::from(asset.decimals));
        for ticker in &tickers {
            for (number, units) in [101, whole + 1, 7 * whole / 3].into_iter().enumerate() {
                let sum = Amount::from_units(units).expect("it is small");
                let asked = match number {
                    1 => Asked::Worth {
                        currency: (*ticker).to_owned(),
                        amount: Decimal::new(sum, asset.decimals),
                    },
                    _ => Asked::Exact(sum),
                };
                let (dialect, id) = (DialectId::new("plain"), asset.id.clone());
                let create = CreatePayout {
                    source: Source::Ticker((*ticker).to_owned()),
                    bearer: [FeeBearer::Merchant, FeeBearer::Recipient][number % 2],
                    insured: number == 2,
                    ..CreatePayout::new(PayoutId(1), merchant.id, dialect, id, asked, String::new())
                };
                let (book, merchant) = (&book, &merchant);
                let question = Question { catalog, book, merchant, create: &create, now: NOW };
                // What is worth less than a few units of the asset cannot bear its fees.
                let Ok(quote) = question.quote(&Plenty) else { continue };
                check(asset, &create, &quote);
                quoted += 1;
            }
        }
    }
    let pairs = catalog.assets().count() * tickers.len();
    assert!(quoted > 2 * pairs, "{quoted} quotes of {pairs} pairs");
}
