//! Every combination of what can be asked adds up, and is what the ledger takes.

use proptest::prelude::*;

use super::*;
use crate::{
    batch::Batch,
    catalog::Destination,
    ids::{BatchId, LaneId},
    ledger::{self, LedgerAccount, Posting},
    payout::Payout,
};

#[derive(Clone, Debug)]
struct Case {
    decimals: [u8; 3],
    gold_usd: u64,
    spread: u32,
    insurance: u32,
    plan: FeePlan,
    network_fee: u128,
    asked: u128,
    how: u8,
    asset: usize,
    source: u8,
    on_top: bool,
    insured: bool,
    priority: usize,
    has: [Option<u128>; 3],
}

const ASSETS: [&str; 3] = ["GOLD@deep", "USDX@deep", "USDX@wide"];

fn case() -> impl Strategy<Value = Case> {
    let plan = (0u32..=1_000_000, 0u128..1_000, 0u128..1_000);
    let plan = plan.prop_map(|(parts_per_million, fixed, minimum)| FeePlan {
        parts_per_million,
        fixed: amount(fixed),
        minimum: amount(minimum),
    });
    let units = || prop_oneof![0u128..1_000, 0u128..1_000_000_000, 0u128..10u128.pow(24)];
    let has = || prop::option::weighted(0.9, units());
    let money = (units(), 0u128..100_000, plan, [has(), has(), has()]);
    let rates =
        (prop::array::uniform3(0u8..=18), 1u64..1_000_000_000, 0u32..500_000, 0u32..500_000);
    let choices = (0u8..3, 0usize..3, 0u8..3, any::<bool>(), any::<bool>(), 0usize..4);
    (money, rates, choices).prop_map(|(money, rates, choices)| {
        let (asked, network_fee, plan, has) = money;
        let (decimals, gold_usd, spread, insurance) = rates;
        let (how, asset, source, on_top, insured, priority) = choices;
        Case {
            decimals,
            gold_usd,
            spread,
            insurance,
            plan,
            network_fee,
            asked,
            how,
            asset,
            source,
            on_top,
            insured,
            priority,
            has,
        }
    })
}

fn build(case: &Case) -> (Scene, CreatePayout) {
    let mut scene = scene(case.decimals);
    // A price between 0.000001 and 1000 dollars.
    let gold = format!("{}.{:06}", case.gold_usd / 1_000_000, case.gold_usd % 1_000_000);
    scene.book.rates.fix("GOLD", rate(&gold));
    scene.book.conversion.spread_parts_per_million = case.spread;
    scene.book.conversion.insurance_parts_per_million = case.insurance;
    for terms in scene.book.terms.values_mut() {
        terms.fee_plan = case.plan;
        terms.network_fee = Some((amount(case.network_fee), NOW));
        terms.amount_min = None;
    }
    let sources = [AssetId::new("USDX@wide"), AssetId::new("USDX@deep")].to_vec();
    scene.book.everybody = MerchantTerms { sources, ..MerchantTerms::default() };
    scene.owns_nothing();
    for (asset, units) in ASSETS.iter().zip(case.has) {
        scene.funds.available.extend(units.map(|it| (AssetId::new(asset), amount(it))));
    }
    scene.funds.inventory = ASSETS.map(|it| (AssetId::new(it), Amount::MAX)).into();
    let sum = Decimal::new(amount(case.asked), case.decimals[case.asset]);
    let asked = match case.how {
        0 => Asked::Exact(amount(case.asked)),
        1 => Asked::Worth { currency: "EUR".to_owned(), amount: sum },
        _ => Asked::Spend(sum),
    };
    let create = CreatePayout {
        source: match case.source {
            0 => Source::Own,
            1 => Source::Ticker(USD.to_owned()),
            _ => Source::Configured,
        },
        bearer: if case.on_top { FeeBearer::Merchant } else { FeeBearer::Recipient },
        insured: case.insured,
        priority: Priority::ALL[case.priority],
        ..ask(ASSETS[case.asset], asked)
    };
    (scene, create)
}

fn payout(create: &CreatePayout, quote: &Quote) -> Payout {
    let destination = Destination { address: String::new(), memo: None };
    Payout::new(create, NetworkId::new("deep"), destination, quote.clone(), NOW)
}

type Lines = BTreeMap<(LedgerAccount, AssetId), i128>;

fn post(lines: &mut Lines, postings: Vec<Posting>) {
    for it in postings {
        assert!(!it.amount.is_zero(), "an empty posting: {it:?}");
        *lines.entry((it.debit, it.asset.clone())).or_default() -= it.amount.signed();
        *lines.entry((it.credit, it.asset)).or_default() += it.amount.signed();
    }
    lines.retain(|_, units| *units != 0);
}

/// The price in smallest units of dollars per smallest unit, as a fraction.
fn price_of(case: &Case, index: usize) -> (u128, u128) {
    let usd = if index == 0 { u128::from(case.gold_usd) } else { 1_000_000 };
    (usd, 10u128.pow(u32::from(case.decimals[index])))
}

/// Whether `cost` is the least whole number that is worth `bought` and the spread.
fn is_least_cost(case: &Case, from: usize, to: usize, bought: u128, cost: u128) -> bool {
    use ethnum::U256;
    let ((from_usd, from_one), (to_usd, to_one)) = (price_of(case, from), price_of(case, to));
    let at_par = ASSETS[from].split('@').next() == ASSETS[to].split('@').next();
    let spread = if at_par { 0 } else { u128::from(case.spread) };
    let product = |parts: &[u128]| parts.iter().fold(U256::ONE, |all, it| all * U256::from(*it));
    let owed = product(&[bought, to_usd, from_one, 1_000_000 + spread]);
    let unit = product(&[from_usd, to_one, 1_000_000]);
    let paid = unit * U256::from(cost);
    paid >= owed && (cost == 0 || paid - unit < owed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn quote_accept_and_settle_agree_to_the_unit(case in case()) {
        let (scene, create) = build(&case);
        let Ok(quote) = scene.quote(&create) else { return Ok(()) };
        prop_assert!(quote.adds_up());
        let bought: u128 = quote.conversions.iter().map(|it| it.bought.units()).sum();
        prop_assert_eq!(quote.own_part().units() + bought, quote.price().units());
        let fees = quote.service_fee.units() + quote.network_fee.units();
        prop_assert_eq!(quote.amount.units() + fees, quote.price().units());
        let bound = if case.on_top { quote.amount } else { quote.price() };
        prop_assert_eq!(bound, quote.asked, "who bears the fees");
        // A fee is rounded up once.
        let millionths = quote.asked.units() * u128::from(case.plan.parts_per_million);
        let fee = quote.service_fee.units();
        if quote.service_fee > case.plan.minimum {
            let part = (fee - case.plan.fixed.units()) * 1_000_000;
            prop_assert!(part >= millionths && part < millionths + 1_000_000);
        } else {
            prop_assert_eq!(quote.service_fee, case.plan.minimum);
        }
        // Nothing is sold that is not there, and no more than it takes.
        for it in &quote.conversions {
            let from = ASSETS.iter().position(|asset| *asset == it.from.as_str()).unwrap();
            prop_assert!(it.set_aside() <= scene.funds.available(&it.from).unwrap());
            let is_given_sum = matches!(create.asked, Asked::Spend(_));
            if is_given_sum {
                prop_assert_eq!(quote.conversions.len(), 1);
                prop_assert_eq!(it.insurance, Amount::ZERO);
            } else {
                prop_assert!(is_least_cost(&case, from, case.asset, it.bought.units(), it.cost.units()));
            }
            if !create.insured || it.price.is_none() {
                prop_assert_eq!(it.insurance, Amount::ZERO);
            }
        }
        let own = scene.funds.available(&create.asset).unwrap_or_default();
        prop_assert!(quote.own_part() <= own);
        // The ledger takes exactly that, and gives back exactly the rest.
        let payout = payout(&create, &quote);
        let mut lines = Lines::new();
        post(&mut lines, ledger::reserve(&payout, NOW));
        let reserved = lines.clone();
        post(&mut lines, ledger::release(&payout, NOW));
        prop_assert_eq!(&lines, &Lines::new(), "a release leaves nothing behind");
        lines = reserved;
        let lane = LaneId::new("deep/hot");
        post(&mut lines, ledger::settle(&payout, &lane, NOW));
        let mut expected = Lines::new();
        let mut add = |account: LedgerAccount, asset: &AssetId, units: i128| {
            *expected.entry((account, asset.clone())).or_default() += units;
        };
        let available = LedgerAccount::Available(MERCHANT);
        add(available.clone(), &create.asset, -quote.own_part().signed());
        add(LedgerAccount::HotWallet(lane), &create.asset, quote.amount.signed());
        add(LedgerAccount::ServiceFee, &create.asset, quote.service_fee.signed());
        add(LedgerAccount::NetworkFeeCharged, &create.asset, quote.network_fee.signed());
        for it in &quote.conversions {
            add(available.clone(), &it.from, -it.cost.signed());
            add(LedgerAccount::Inventory, &it.from, it.cost.signed());
            add(LedgerAccount::Inventory, &create.asset, -it.bought.signed());
        }
        expected.retain(|_, units| *units != 0);
        prop_assert_eq!(lines, expected);
    }

    #[test]
    fn a_given_sum_buys_no_more_and_hardly_less_than_it_is_worth(case in case()) {
        let case = Case { how: 2, source: 2, asset: 0, on_top: false, ..case };
        let (scene, create) = build(&case);
        let Ok(quote) = scene.quote(&create) else { return Ok(()) };
        let [it] = &quote.conversions[..] else { return Ok(()) };
        let from = ASSETS.iter().position(|asset| *asset == it.from.as_str()).unwrap();
        let (bought, cost) = (it.bought.units(), it.cost.units());
        let least = |bought| {
            let least = scene.book.rates.price(USD, None, NOW).unwrap();
            let one = Question {
                catalog: &scene.catalog,
                book: &scene.book,
                merchant: &merchant(),
                create: &create,
                now: NOW,
            };
            let (source, gold) = (&scene.catalog.assets().find(|row| row.id == it.from).unwrap(), scene.catalog.asset("GOLD@deep").unwrap());
            one.cost_of(source, gold, Some(&least), amount(bought)).unwrap().units()
        };
        prop_assert!(is_least_cost(&case, from, 0, bought, least(bought)));
        prop_assert!(least(bought) <= cost, "the sum is enough");
        prop_assert!(least(bought + 1) > cost, "and not for one unit more");
    }

    #[test]
    fn what_is_quoted_is_charged_when_the_promise_is_taken_up(case in case()) {
        let (mut scene, create) = build(&case);
        let book = &scene.book;
        let question = Question {
            catalog: &scene.catalog, book, merchant: &merchant(), create: &create, now: NOW,
        };
        let Ok(quoted) = question.quote(&Plenty) else { return Ok(()) };
        let locked = scene.lock(&create, &quoted);
        scene.book.rates = RateBook::default();
        let taken_up = CreatePayout { locked: Some(locked), ..create };
        let question = Question {
            catalog: &scene.catalog, book: &scene.book, merchant: &merchant(), create: &taken_up,
            now: NOW.plus_ms(500),
        };
        prop_assert_eq!(question.quote(&Plenty), Ok(quoted));
    }
}

#[test]
fn a_batch_settles_each_of_its_payouts() {
    // The batch's own postings are the payouts': nothing is shared between them.
    let scene = scene([2, 2, 2]);
    let create = CreatePayout { source: Source::Ticker(USD.to_owned()), ..pay_gold(200) };
    let quote = scene.quote(&create).unwrap();
    let ids = vec![PayoutId(1), PayoutId(2)];
    let batch = Batch::new(BatchId(1), NetworkId::new("deep"), LaneId::new("deep/hot"), ids, NOW);
    let mut lines = Lines::new();
    for id in batch.payouts {
        let payout = Payout { id, ..payout(&create, &quote) };
        post(&mut lines, ledger::reserve(&payout, NOW));
        post(&mut lines, ledger::settle(&payout, &batch.lane, NOW));
    }
    let inventory = (LedgerAccount::Inventory, AssetId::new("USDX@deep"));
    assert_eq!(lines[&inventory], 2 * quote.conversions[0].cost.signed());
    assert!(!lines.keys().any(|it| it.0 == LedgerAccount::InventoryReserved));
}
