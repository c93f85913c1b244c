//! The stage of every history: two networks, three lanes, five assets, three merchants.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Timestamp,
    catalog::{Asset, Catalog, Destination, DestinationError, Network},
    ids::{AssetId, LaneId, MerchantId, NetworkId},
    lane::Lane,
    merchant::Merchant,
    money::Amount,
    ports::{AddressRules, RailProfile},
    quote::{AssetTerms, ConversionTerms, FeePlan, MerchantTerms, PriceBook},
    station::Station,
};
use rail_sim::{ChainOptions, SimChain, SimRail};

/// What a transaction costs while nothing happens.
pub(crate) const FEE_LEVEL: u128 = 10;
/// The most that is paid for a transaction.
pub(crate) const FEE_CAP: u128 = 400;
/// The least and the most that may arrive.
pub(crate) const AMOUNT_MIN: u128 = 10;
pub(crate) const AMOUNT_MAX: u128 = 5_000;
/// What the house earns by selling, in millionths of what is sold for it.
pub(crate) const SPREAD_PPM: u32 = 25_000;
/// What is set aside beside the cost, in millionths of it.
pub(crate) const INSURANCE_PPM: u32 = 33_333;
/// What the house sells.
pub(crate) const SELLS: [&str; 3] = ["TOKEN@fast", "COIN@slow", "TOKEN@slow"];
/// The coin that is exchanged one for one between the networks.
pub(crate) const AT_PAR: &str = "TOKEN";
/// How long a quote holds.
pub(crate) const QUOTE_MS: u64 = 20_000;
/// How long an approval may take.
pub(crate) const APPROVAL_MS: u64 = 25_000;
/// How many coins the first fast lane brings the second within a day.
pub(crate) const DAILY_MAX: u128 = 500;
/// How many batches a fast lane has on their way.
pub(crate) const IN_FLIGHT_MAX: usize = 3;
/// A merchant who can pay for everything.
pub(crate) const RICH: MerchantId = MerchantId(1);
/// A merchant who runs out of money.
pub(crate) const POOR: MerchantId = MerchantId(2);
/// A merchant who is stopped.
pub(crate) const STOPPED: MerchantId = MerchantId(3);
/// An asset that is in the catalog, but not paid.
pub(crate) const UNPAID_ASSET: &str = "OLD@fast";

/// Makes an amount of so many units.
pub(crate) fn amount(units: u128) -> Amount {
    Amount::from_units(units).expect("amounts here are small")
}

/// How many units are what one unit of most assets is: one asset has two more decimals.
pub(crate) fn scale(asset: &AssetId) -> u128 {
    if asset.as_str() == "TOKEN@slow" { 100 } else { 1 }
}

/// How many decimals an asset has.
pub(crate) fn decimals(asset: &AssetId) -> u32 {
    if scale(asset) == 100 { 8 } else { 6 }
}

/// The coin's name, without its network.
pub(crate) fn ticker(asset: &AssetId) -> &str {
    asset.as_str().split('@').next().unwrap_or_default()
}

/// The network's name, without the coin.
pub(crate) fn network(asset: &AssetId) -> &str {
    asset.as_str().split('@').nth(1).unwrap_or_default()
}

/// The networks and assets.
pub(crate) fn catalog() -> Catalog {
    let network = |id: &str, fee_asset: &str| Network {
        id: NetworkId::new(id),
        title: id.to_owned(),
        family: "sim".to_owned(),
        fee_asset: AssetId::new(fee_asset),
        explorer_url: String::new(),
        has_priorities: id == "fast",
        parameters: BTreeMap::new(),
    };
    let asset = |ticker: &str, network: &str, contract: Option<&str>| Asset {
        id: AssetId::new(&format!("{ticker}@{network}")),
        network: NetworkId::new(network),
        ticker: ticker.to_owned(),
        title: ticker.to_owned(),
        decimals: if (ticker, network) == ("TOKEN", "slow") { 8 } else { 6 },
        contract: contract.map(str::to_owned),
        stablecoin: false,
        symbols: vec![],
    };
    let networks = vec![network("fast", "COIN@fast"), network("slow", "COIN@slow")];
    let assets = vec![
        asset("COIN", "fast", None),
        asset("TOKEN", "fast", Some("to-contract")),
        asset("OLD", "fast", Some("to-old-contract")),
        asset("COIN", "slow", None),
        asset("TOKEN", "slow", Some("to-contract")),
    ];
    Catalog::new(networks, assets).expect("the rows fit together")
}

/// The assets that are paid.
pub(crate) fn paid_assets() -> Vec<AssetId> {
    ["COIN@fast", "TOKEN@fast", "COIN@slow", "TOKEN@slow"].map(AssetId::new).to_vec()
}

/// The wallets: two on the fast network, one on the slow.
pub(crate) fn lanes() -> Vec<Lane> {
    let lane = |network: &str, name: &str| Lane {
        id: LaneId::new(&format!("{network}/{name}")),
        network: NetworkId::new(network),
        address: format!("to-{network}-{name}"),
        key_path: "m/0".to_owned(),
        next_sequence: 0,
        version: 1,
    };
    vec![lane("fast", "one"), lane("fast", "two"), lane("slow", "one")]
}

/// How the second fast lane is brought coins: it never has enough, so that only the limit ends it.
pub(crate) fn station() -> (LaneId, Station) {
    let station = Station {
        from: LaneId::new("fast/one"),
        below: Amount::MAX,
        up_to: Amount::MAX,
        daily_max: amount(DAILY_MAX),
    };
    (LaneId::new("fast/two"), station)
}

/// The merchants.
pub(crate) fn merchants() -> Vec<Merchant> {
    let merchant = |id: MerchantId| Merchant {
        id,
        name: name(id).to_owned(),
        webhook_url: None,
        paused: id == STOPPED,
        created_at: Timestamp(0),
        version: 1,
    };
    [RICH, POOR, STOPPED].map(merchant).to_vec()
}

fn name(merchant: MerchantId) -> &'static str {
    match merchant {
        RICH => "rich",
        POOR => "poor",
        _ => "stopped",
    }
}

/// What payouts cost. Parts of a unit come about everywhere, so that rounding matters. What networks
/// ask for is not in it.
pub(crate) fn book() -> PriceBook {
    let terms = |asset: &AssetId| AssetTerms {
        fee_plan: fee_plan(STOPPED, asset),
        network_fee: None,
        amount_min: Some(amount(AMOUNT_MIN * scale(asset))),
        amount_max: Some(amount(AMOUNT_MAX * scale(asset))),
    };
    let terms = paid_assets().into_iter().map(|it| (it.clone(), terms(&it))).collect();
    let agreed = |id: MerchantId| MerchantTerms {
        rate_source: rate_source(id).map(str::to_owned),
        sources: sources(id),
        approval_url: approval_url(id),
        fee_plans: if id == RICH {
            BTreeMap::from([(AssetId::new(AGREED), fee_plan(RICH, &AssetId::new(AGREED)))])
        } else {
            BTreeMap::new()
        },
    };
    PriceBook {
        terms,
        age_ms_max: crate::market::FEE_AGE_MS,
        conversion: ConversionTerms {
            spread_parts_per_million: SPREAD_PPM,
            insurance_parts_per_million: INSURANCE_PPM,
            sells: SELLS.map(AssetId::new).into(),
            at_par: [AT_PAR.to_owned()].into(),
            overdrafts: paid_assets()
                .into_iter()
                .map(|it| (it.clone(), overdraft(&it)))
                .filter(|it| !it.1.is_zero())
                .collect(),
            quote_ms: QUOTE_MS,
        },
        merchants: [RICH, POOR].map(|id| (name(id).to_owned(), agreed(id))).into(),
        everybody: MerchantTerms::default(),
        approval_ms: APPROVAL_MS,
        ..PriceBook::default()
    }
}

/// The asset for which a fee is agreed with the rich merchant.
const AGREED: &str = "TOKEN@fast";

/// What a merchant is charged for paying an asset.
pub(crate) fn fee_plan(merchant: MerchantId, asset: &AssetId) -> FeePlan {
    let (parts_per_million, fixed, minimum) = match asset.as_str() {
        AGREED if merchant == RICH => (1_111, 0, 1),
        "COIN@fast" => (10_000, 1, 2),
        "TOKEN@fast" => (3_333, 0, 2),
        "COIN@slow" => (0, 5, 2),
        _ => (25_001, 2, 2),
    };
    let scaled = |units: u128| amount(units * scale(asset));
    FeePlan { parts_per_million, fixed: scaled(fixed), minimum: scaled(minimum) }
}

/// What a merchant sells where a request leaves it to what is agreed, in this order.
pub(crate) fn sources(merchant: MerchantId) -> Vec<AssetId> {
    match merchant {
        RICH => ["TOKEN@fast", "TOKEN@slow"].map(AssetId::new).to_vec(),
        POOR => ["COIN@slow", "COIN@fast"].map(AssetId::new).to_vec(),
        _ => vec![],
    }
}

/// Whose prices are agreed with a merchant; everybody's if this is `None`.
pub(crate) fn rate_source(merchant: MerchantId) -> Option<&'static str> {
    (merchant == POOR).then_some("alpha")
}

/// Where a merchant's approvals are asked for where a request leaves it to what is agreed.
pub(crate) fn approval_url(merchant: MerchantId) -> Option<String> {
    (merchant == RICH).then(|| "https://merchant.example/approve".to_owned())
}

/// How far below zero the house's inventory may go.
pub(crate) fn overdraft(asset: &AssetId) -> Amount {
    if asset.as_str() == "TOKEN@fast" { amount(150) } else { Amount::ZERO }
}

/// The addresses of our own wallets.
pub(crate) fn own_addresses() -> BTreeSet<(NetworkId, String)> {
    lanes().into_iter().map(|it| (it.network, it.address)).collect()
}

/// One network's chain and the node that always tells the truth about it. The fast one batches,
/// replaces and has several transactions on their way, and its wallets may be made of coins; the slow
/// one does none of it.
pub(crate) fn rail(network: &Network, of_coins: bool) -> SimRail {
    let fast = network.id.as_str() == "fast";
    let options = ChainOptions {
        fee_asset: network.fee_asset.clone(),
        finality_depth: if fast { 3 } else { 2 },
        fee_level: amount(FEE_LEVEL),
        of_coins: fast && of_coins,
    };
    let profile = RailProfile {
        network: network.id.clone(),
        batch_max: if fast { 3 } else { 1 },
        batch_wait_ms: 0,
        economy_apart: false,
        in_flight_max: if fast { 3 } else { 1 },
        attempts_max: if fast { 6 } else { 3 },
        poll_ms: if fast { 2_000 } else { 5_000 },
        retry_ms: 1_500,
        replace_after_ms: fast.then_some(9_000),
    };
    let chain = SimChain::new(options);
    lanes().iter().filter(|it| it.network == network.id).for_each(|it| chain.open_wallet(it));
    SimRail::new(chain, profile, network.fee_asset.clone(), amount(FEE_CAP))
}

/// Addresses begin with `to-`, capital letters mean the same as small ones, memos are numbers.
pub(crate) struct Rules;

impl AddressRules for Rules {
    fn parse(
        &self,
        _network: &Network,
        address: &str,
        memo: Option<&str>,
    ) -> Result<Destination, DestinationError> {
        let address = address.to_ascii_lowercase();
        if !address.starts_with("to-") {
            return Err(DestinationError::Address("it must begin with to-".to_owned()));
        }
        if memo.is_some_and(|it| it.is_empty() || !it.bytes().all(|it| it.is_ascii_digit())) {
            return Err(DestinationError::Memo("it must be a number".to_owned()));
        }
        Ok(Destination { address, memo: memo.map(str::to_owned) })
    }
}
