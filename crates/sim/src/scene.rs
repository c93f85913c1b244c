//! The stage of every history: two networks, three lanes, four assets, three merchants.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Timestamp,
    catalog::{Asset, Catalog, Destination, DestinationError, Network},
    ids::{AssetId, LaneId, MerchantId, NetworkId},
    lane::Lane,
    merchant::Merchant,
    money::Amount,
    ports::{AddressRules, RailProfile},
    quote::{AssetTerms, FeePlan, PriceBook},
};
use rail_sim::{ChainOptions, SimChain, SimRail};

/// What a transaction costs while nothing happens.
pub(crate) const FEE_LEVEL: u128 = 10;
/// The most that is paid for a transaction.
pub(crate) const FEE_CAP: u128 = 400;
/// The least and the most that may arrive.
pub(crate) const AMOUNT_MIN: u128 = 10;
pub(crate) const AMOUNT_MAX: u128 = 5_000;
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
        decimals: 6,
        contract: contract.map(str::to_owned),
        stablecoin: false,
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

/// The merchants.
pub(crate) fn merchants() -> Vec<Merchant> {
    let merchant = |id: MerchantId, name: &str| Merchant {
        id,
        name: name.to_owned(),
        webhook_url: None,
        paused: id == STOPPED,
        created_at: Timestamp(0),
        version: 1,
    };
    vec![merchant(RICH, "rich"), merchant(POOR, "poor"), merchant(STOPPED, "stopped")]
}

/// What payouts cost: an amount of two decimals of fees, so that rounding matters.
pub(crate) fn book() -> PriceBook {
    let terms = |ppm: u32, fixed: u128| AssetTerms {
        fee_plan: FeePlan { parts_per_million: ppm, fixed: amount(fixed), minimum: amount(2) },
        network_fee: Some((amount(12), Timestamp(0))),
        amount_min: Some(amount(AMOUNT_MIN)),
        amount_max: Some(amount(AMOUNT_MAX)),
    };
    let plans = [(10_000, 1), (3_333, 0), (0, 5), (25_001, 2)];
    let terms = paid_assets().into_iter().zip(plans.map(|(ppm, fixed)| terms(ppm, fixed)));
    PriceBook { terms: terms.collect(), age_ms_max: u64::MAX, ..PriceBook::default() }
}

/// How far below zero the house's inventory may go.
pub(crate) fn overdraft(asset: &AssetId) -> Amount {
    if asset.as_str() == "TOKEN@fast" { amount(1_000) } else { Amount::ZERO }
}

/// The addresses of our own wallets.
pub(crate) fn own_addresses() -> BTreeSet<(NetworkId, String)> {
    lanes().into_iter().map(|it| (it.network, it.address)).collect()
}

/// One network's chain and the node that always tells the truth about it. The fast one batches,
/// replaces and has several transactions on their way; the slow one does none of it.
pub(crate) fn rail(network: &Network) -> SimRail {
    let fast = network.id.as_str() == "fast";
    let options = ChainOptions {
        fee_asset: network.fee_asset.clone(),
        finality_depth: if fast { 3 } else { 2 },
        fee_level: amount(FEE_LEVEL),
    };
    let profile = RailProfile {
        network: network.id.clone(),
        batch_max: if fast { 3 } else { 1 },
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
