//! Quotes: limits, conversions, and sums that add up to the last unit.

use std::collections::BTreeSet;

use super::*;
use crate::{
    catalog::Network,
    command::Least,
    ids::{DialectId, MerchantId, NetworkId, PayoutId},
    money::{Decimal, Rate},
    quote::{AssetTerms, ConversionTerms, FeePlan, MerchantTerms},
    rates::RateBook,
};

const NOW: Timestamp = Timestamp(1_000);
const MERCHANT: MerchantId = MerchantId(1);
/// One dollar.
const USD: &str = "USDX";

fn amount(units: u128) -> Amount {
    Amount::from_units(units).unwrap()
}

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

fn merchant() -> Merchant {
    Merchant {
        id: MERCHANT,
        name: "shop".to_owned(),
        webhook_url: None,
        paused: false,
        created_at: NOW,
        version: 1,
    }
}

/// `GOLD@deep` is what is paid; `USDX` is on both networks, with other decimals on each.
struct Scene {
    catalog: Catalog,
    book: PriceBook,
    funds: Purse,
}

#[derive(Default)]
struct Purse {
    available: BTreeMap<AssetId, Amount>,
    inventory: BTreeMap<AssetId, Amount>,
}

impl Funds for Purse {
    fn available(&self, asset: &AssetId) -> Option<Amount> {
        self.available.get(asset).copied()
    }

    fn inventory(&self, asset: &AssetId) -> Amount {
        self.inventory.get(asset).copied().unwrap_or_default()
    }
}

fn gold() -> AssetId {
    AssetId::new("GOLD@deep")
}

fn scene(decimals: [u8; 3]) -> Scene {
    let network = |id: &str, fee: &str| Network {
        id: NetworkId::new(id),
        title: String::new(),
        family: String::new(),
        fee_asset: AssetId::new(fee),
        explorer_url: String::new(),
        has_priorities: id == "deep",
        parameters: BTreeMap::new(),
    };
    let asset = |ticker: &str, network: &str, decimals: u8| Asset {
        id: AssetId::new(&format!("{ticker}@{network}")),
        network: NetworkId::new(network),
        ticker: ticker.to_owned(),
        title: String::new(),
        decimals,
        contract: None,
        stablecoin: false,
        symbols: vec![],
    };
    let networks = vec![network("deep", "GOLD@deep"), network("wide", "USDX@wide")];
    let assets = vec![
        asset("GOLD", "deep", decimals[0]),
        asset(USD, "deep", decimals[1]),
        asset(USD, "wide", decimals[2]),
    ];
    let catalog = Catalog::new(networks, assets).unwrap();
    let terms = AssetTerms {
        fee_plan: FeePlan { parts_per_million: 10_000, fixed: amount(2), minimum: amount(3) },
        network_fee: Some((amount(5), NOW)),
        amount_min: Some(amount(10)),
        amount_max: None,
    };
    let mut rates = RateBook::default();
    rates.fix("GOLD", rate("50"));
    rates.fix(USD, Rate::ONE);
    rates.fix("EUR", rate("1.1"));
    let all: BTreeSet<AssetId> = catalog.assets().map(|it| it.id.clone()).collect();
    let book = PriceBook {
        terms: all.iter().map(|it| (it.clone(), terms.clone())).collect(),
        age_ms_max: 1_000,
        rates,
        conversion: ConversionTerms {
            spread_parts_per_million: 10_000,
            insurance_parts_per_million: 20_000,
            sells: all.clone(),
            at_par: [USD.to_owned()].into(),
            overdrafts: BTreeMap::new(),
            quote_ms: 500,
        },
        ..PriceBook::default()
    };
    let rich = |units| all.iter().map(|it| (it.clone(), amount(units))).collect();
    let funds = Purse { available: rich(1_000_000), inventory: rich(1_000_000) };
    Scene { catalog, book, funds }
}

fn ask(asset: &str, asked: Asked) -> CreatePayout {
    let (dialect, asset) = (DialectId::new("plain"), AssetId::new(asset));
    CreatePayout::new(PayoutId(1), MERCHANT, dialect, asset, asked, "to-bob".to_owned())
}

fn euros(text: &str) -> CreatePayout {
    let amount = Decimal::parse(text).unwrap();
    ask("GOLD@deep", Asked::Worth { currency: "EUR".to_owned(), amount })
}

fn pay_gold(units: u128) -> CreatePayout {
    ask("GOLD@deep", Asked::Exact(amount(units)))
}

impl Scene {
    fn quote_at(&self, create: &CreatePayout, now: Timestamp) -> Result<Quote, Refusal> {
        let (catalog, book, merchant) = (&self.catalog, &self.book, &merchant());
        Question { catalog, book, merchant, create, now }.quote(&self.funds)
    }

    fn quote(&self, create: &CreatePayout) -> Result<Quote, Refusal> {
        self.quote_at(create, NOW)
    }

    fn lock(&self, create: &CreatePayout, quote: &Quote) -> Locked {
        let (catalog, book, merchant) = (&self.catalog, &self.book, &merchant());
        let asset = catalog.asset(create.asset.as_str()).unwrap();
        Question { catalog, book, merchant, create, now: NOW }.lock(asset, quote).unwrap()
    }

    fn own(&mut self, asset: &str, units: u128) {
        self.funds.available.insert(AssetId::new(asset), amount(units));
    }

    fn owns_nothing(&mut self) {
        self.funds.available.clear();
    }
}

#[test]
fn fees_come_on_top_or_out_of_the_amount() {
    let scene = scene([2, 2, 2]);
    let on_top = scene.quote(&pay_gold(150)).unwrap();
    assert_eq!((on_top.amount, on_top.service_fee), (amount(150), amount(4)));
    assert_eq!((on_top.price(), on_top.own_part()), (amount(159), amount(159)));
    let out_of = CreatePayout { bearer: FeeBearer::Recipient, ..pay_gold(150) };
    let out_of = scene.quote(&out_of).unwrap();
    assert_eq!((out_of.amount, out_of.price()), (amount(141), amount(150)));
    assert_eq!(out_of.usd.unwrap().source, "fixed");
}

#[test]
fn a_merchant_has_a_plan_of_its_own_and_a_fee_a_minimum() {
    let mut scene = scene([2, 2, 2]);
    assert_eq!(scene.quote(&pay_gold(10)).unwrap().service_fee, amount(3), "the minimum");
    let plan = FeePlan { parts_per_million: 500_000, ..FeePlan::default() };
    let agreed = MerchantTerms { fee_plans: [(gold(), plan)].into(), ..MerchantTerms::default() };
    scene.book.merchants.insert("shop".to_owned(), agreed);
    assert_eq!(scene.quote(&pay_gold(10)).unwrap().service_fee, amount(5));
}

#[test]
fn priority_costs_where_it_makes_a_difference() {
    let scene = scene([2, 2, 2]);
    let fee = |asset: &str, priority| {
        let create = CreatePayout { priority, ..ask(asset, Asked::Exact(amount(100))) };
        scene.quote(&create).unwrap().network_fee.units()
    };
    let fees = Priority::ALL.map(|it| fee("GOLD@deep", it));
    assert_eq!(fees, [5, 5, 8, 10], "rounded up");
    assert_eq!(Priority::ALL.map(|it| fee("USDX@wide", it)), [5; 4]);
}

#[test]
fn refuses_rather_than_guesses() {
    let mut scene = scene([2, 2, 2]);
    let small = Refusal::AmountTooSmall { minimum: Some(amount(10)) };
    assert_eq!(scene.quote(&pay_gold(0)), Err(small.clone()));
    assert_eq!(scene.quote(&pay_gold(9)), Err(small.clone()));
    let out_of = CreatePayout { bearer: FeeBearer::Recipient, ..pay_gold(8) };
    assert_eq!(scene.quote(&out_of), Err(small));
    let largest = scene.quote(&pay_gold(Amount::MAX.units()));
    assert_eq!(largest, Err(Refusal::AmountTooLarge { maximum: None }));
    let late = scene.quote_at(&pay_gold(50), NOW.plus_ms(1_001));
    assert!(matches!(late, Err(Refusal::TermsUnknown(_))));
    scene.book.terms.get_mut(&gold()).unwrap().amount_max = Some(amount(1_000));
    let large = Refusal::AmountTooLarge { maximum: Some(amount(1_000)) };
    assert_eq!(scene.quote(&pay_gold(1_001)), Err(large));
    scene.book.terms.get_mut(&gold()).unwrap().network_fee = None;
    assert!(matches!(scene.quote(&pay_gold(50)), Err(Refusal::TermsUnknown(_))));
    scene.book.terms.remove(&gold());
    assert_eq!(scene.quote(&pay_gold(50)), Err(Refusal::AssetUnavailable));
    assert_eq!(scene.quote(&ask("X@deep", Asked::Exact(amount(50)))), Err(Refusal::UnknownAsset));
}

#[test]
fn a_sum_in_another_currency_is_what_it_is_worth() {
    let scene = scene([2, 2, 2]);
    // 100 EUR are 110 USD are 2.2 GOLD.
    let quote = scene.quote(&euros("100")).unwrap();
    assert_eq!((quote.asked, quote.amount), (amount(220), amount(220)));
    let worth = quote.worth.unwrap();
    assert_eq!((worth.currency.as_str(), worth.price.usd), ("EUR", rate("1.1")));
    assert_eq!(scene.quote(&euros("100.01")).unwrap().asked, amount(221), "rounded up, once");
    let unknown = Asked::Worth { currency: "XXX".to_owned(), amount: Decimal::default() };
    let refused = scene.quote(&ask("GOLD@deep", unknown));
    assert_eq!(refused, Err(Refusal::RateUnknown { currency: "XXX".to_owned() }));
}

#[test]
fn another_coin_is_sold_at_its_price_and_the_spread() {
    let mut scene = scene([2, 2, 2]);
    let from =
        |ticker: &str| CreatePayout { source: Source::Ticker(ticker.to_owned()), ..pay_gold(200) };
    // 2.00 + 0.04 + 0.05 GOLD at 50 are 104.5 USD, and one percent more.
    let quote = scene.quote(&from(USD)).unwrap();
    let [sold] = &quote.conversions[..] else { panic!("{quote:?}") };
    assert_eq!((sold.from.as_str(), sold.cost), ("USDX@deep", amount(10_555)));
    assert_eq!((sold.bought, sold.insurance), (amount(209), Amount::ZERO));
    assert_eq!((quote.own_part(), sold.price.as_ref().unwrap().usd), (Amount::ZERO, Rate::ONE));
    let insured = CreatePayout { insured: true, ..from(USD) };
    assert_eq!(scene.quote(&insured).unwrap().conversions[0].insurance, amount(212));
    // What one network lacks, the other has.
    scene.own("USDX@deep", 10_000);
    let both = scene.quote(&from(USD)).unwrap();
    let sold: Vec<_> =
        both.conversions.iter().map(|it| (it.from.as_str(), it.cost.units())).collect();
    assert_eq!(sold, [("USDX@deep", 9_999), ("USDX@wide", 556)]);
    assert_eq!(both.own_part(), Amount::ZERO);
    scene.own("USDX@wide", 555);
    let short = Refusal::InsufficientForConversion { from: USD.to_owned(), to: "GOLD".to_owned() };
    assert_eq!(scene.quote(&from(USD)), Err(short));
    scene.owns_nothing();
    assert_eq!(scene.quote(&from(USD)), Err(Refusal::NoWallet));
    assert_eq!(scene.quote(&from("NONE")), Err(Refusal::NoWallet));
}

#[test]
fn what_the_house_does_not_sell_or_have_is_not_sold() {
    let mut scene = scene([2, 2, 2]);
    let create = CreatePayout { source: Source::Ticker(USD.to_owned()), ..pay_gold(200) };
    scene.funds.inventory.insert(gold(), amount(208));
    assert!(matches!(scene.quote(&create), Err(Refusal::NotConvertible(_))));
    scene.funds.inventory.insert(gold(), amount(209));
    assert!(scene.quote(&create).is_ok());
    scene.book.conversion.sells.remove(&gold());
    assert!(matches!(scene.quote(&create), Err(Refusal::NotConvertible(_))));
}

#[test]
fn the_same_coin_of_another_network_is_worth_the_same() {
    let mut scene = scene([2, 6, 4]);
    scene.own("USDX@deep", 1_000_000);
    scene.own("USDX@wide", 999_999);
    scene.funds.inventory.insert(AssetId::new("USDX@deep"), amount(2_000_000));
    let create = ask("USDX@deep", Asked::Exact(amount(2_000_001)));
    // 2.000001 and its fees of 1 percent and 7 units; 1 is there, the rest is rounded up.
    let quote = scene.quote(&create).unwrap();
    let [sold] = &quote.conversions[..] else { panic!("{quote:?}") };
    assert_eq!((quote.price(), quote.own_part()), (amount(2_020_009), amount(1_000_000)));
    assert_eq!((sold.bought, sold.cost), (amount(1_020_009), amount(10_201)));
    assert_eq!((sold.price.clone(), sold.insurance), (None, Amount::ZERO));
    scene.book.conversion.at_par.clear();
    assert_eq!(scene.quote(&create), Err(Refusal::InsufficientFunds));
}

#[test]
fn a_given_sum_is_sold_to_the_last_unit() {
    let mut scene = scene([4, 2, 2]);
    let agreed = MerchantTerms {
        sources: vec![AssetId::new("USDX@wide"), AssetId::new("USDX@deep")],
        ..MerchantTerms::default()
    };
    scene.book.merchants.insert("shop".to_owned(), agreed);
    let spend = |text: &str, bearer| CreatePayout {
        source: Source::Configured,
        bearer,
        ..ask("GOLD@deep", Asked::Spend(Decimal::parse(text).unwrap()))
    };
    // 1000 USD buy 20 GOLD without the spread, 19.8019... with it.
    let out_of = scene.quote(&spend("1000", FeeBearer::Recipient)).unwrap();
    assert_eq!((out_of.asked, out_of.price()), (amount(198_019), amount(198_019)));
    assert_eq!(out_of.conversions[0].cost, amount(100_000));
    assert_eq!(out_of.conversions[0].from.as_str(), "USDX@wide");
    let on_top = scene.quote(&spend("1000", FeeBearer::Merchant)).unwrap();
    assert_eq!(on_top.amount, amount(198_019), "the fees come on top");
    assert_eq!(on_top.conversions[0].cost, amount(100_000 + 1_004));
    assert_eq!(on_top.conversions[0].bought, on_top.price());
    // The next network is asked if the first has too little.
    scene.own("USDX@wide", 99_999);
    let other = scene.quote(&spend("1000", FeeBearer::Recipient)).unwrap();
    assert_eq!(other.conversions[0].from.as_str(), "USDX@deep");
    let too_precise = scene.quote(&spend("1000.001", FeeBearer::Recipient));
    assert_eq!(too_precise, Err(Refusal::Amount(AmountError::TooPrecise)));
    // Without a source, the payout's own coin is spent.
    scene.book.merchants.clear();
    let own = scene.quote(&spend("20", FeeBearer::Recipient)).unwrap();
    assert_eq!((own.price(), own.conversions.len()), (amount(200_000), 0));
}

#[test]
fn an_api_may_have_a_least_of_its_own() {
    let scene = scene([2, 2, 2]);
    let least = |usd: &str, network_fees, units| {
        let least = Least { more_than_usd: Decimal::parse(usd).unwrap(), network_fees };
        scene.quote(&CreatePayout { least, ..pay_gold(units) }).map(|it| it.amount.units())
    };
    let small = |units| Err(Refusal::AmountTooSmall { minimum: Some(amount(units)) });
    // 20 USD are 0.40 GOLD, and it must be more.
    assert_eq!((least("20", 0, 40), least("20", 0, 41)), (small(41), Ok(41)));
    assert_eq!((least("0", 20, 99), least("0", 20, 100)), (small(100), Ok(100)));
    assert_eq!(least("20", 20, 50), small(100));
    assert_eq!(least("0", 0, 10), Ok(10));
    // A given sum is worth what it is worth, not what it buys after the spread.
    let agreed =
        MerchantTerms { sources: vec![AssetId::new("USDX@wide")], ..MerchantTerms::default() };
    let mut scene = scene;
    scene.book.merchants.insert("shop".to_owned(), agreed);
    let spend = |usd: &str| {
        let more_than_usd = Decimal::parse("20").unwrap();
        let create = ask("GOLD@deep", Asked::Spend(Decimal::parse(usd).unwrap()));
        let least = Least { more_than_usd, network_fees: 2 };
        scene.quote(&CreatePayout { source: Source::Configured, least, ..create })
    };
    assert_eq!(spend("20"), Err(Refusal::AmountTooSmall { minimum: None }));
    assert_eq!(spend("20.01").unwrap().asked, amount(39));
}

#[test]
fn a_promise_is_kept_until_its_end() {
    let mut scene = scene([2, 2, 2]);
    let asked = CreatePayout {
        source: Source::Ticker(USD.to_owned()),
        priority: Priority::High,
        ..ask(
            "GOLD@deep",
            Asked::Worth { currency: "EUR".to_owned(), amount: Decimal::parse("100").unwrap() },
        )
    };
    let promised = scene.quote(&asked).unwrap();
    let locked = scene.lock(&asked, &promised);
    assert_eq!(locked.until, NOW.plus_ms(500));
    // Everything changes.
    scene.book.rates = RateBook::default();
    scene.book.terms.get_mut(&gold()).unwrap().network_fee = None;
    let taken_up = CreatePayout { locked: Some(locked.clone()), ..asked.clone() };
    assert_eq!(scene.quote_at(&taken_up, locked.until), Ok(promised));
    let late = scene.quote_at(&taken_up, locked.until.plus_ms(1));
    assert_eq!(late, Err(Refusal::QuoteExpired));
    let other_speed = CreatePayout { priority: Priority::Economy, ..taken_up.clone() };
    assert_eq!(scene.quote(&other_speed), Err(Refusal::QuoteExpired));
    let others: [fn(&mut CreatePayout); 4] = [
        |it| it.asset = AssetId::new("USDX@wide"),
        |it| it.asked = euros("101").asked,
        |it| it.source = Source::Configured,
        |it| it.bearer = FeeBearer::Recipient,
    ];
    for other in others {
        let mut something_else = taken_up.clone();
        other(&mut something_else);
        assert_eq!(scene.quote(&something_else), Err(Refusal::QuoteExpired));
    }
    // The network's fee alone may be promised for any sum: prices are as they are now.
    let fee_alone = Locked { promise: None, ..locked };
    let any = CreatePayout { locked: Some(fee_alone), priority: Priority::High, ..pay_gold(100) };
    assert_eq!(scene.quote(&any).unwrap().network_fee, amount(8));
}

#[test]
fn a_promise_keeps_the_prices_of_each_source_apart() {
    let mut scene = scene([2, 2, 2]);
    let mut rates = RateBook::default();
    rates.fix(USD, Rate::ONE);
    let told = |gold, euro| [("GOLD".to_owned(), rate(gold)), ("EUR".to_owned(), rate(euro))];
    rates.observe("one", &told("50", "1.1"), NOW);
    rates.observe("two", &told("51", "1.12"), NOW);
    rates.observe("three", &told("52", "1.14"), NOW);
    scene.book.rates = rates;
    let asked = CreatePayout {
        source: Source::Ticker(USD.to_owned()),
        course: Some("three".to_owned()),
        ..euros("100")
    };
    let promised = scene.quote(&asked).unwrap();
    // 114 dollars are 2.193 GOLD by the source that was named; the house sells at the median.
    assert_eq!((promised.asked, promised.usd.clone().unwrap().usd), (amount(220), rate("51")));
    let locked = scene.lock(&asked, &promised);
    scene.book.rates = RateBook::default();
    let taken_up = CreatePayout { locked: Some(locked), ..asked };
    assert_eq!(scene.quote(&taken_up), Ok(promised));
}

#[path = "pricing_properties.rs"]
mod properties;
