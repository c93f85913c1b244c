//! What the operator may set, and what the catalog's parameters of an EVM network mean.

use domain::{catalog::Network, money::Amount};

use crate::pay_call::{Method, PAYMENTS_MAX};

/// A replacement offers an eighth more than what it replaces ([`crate::fees::Fees::bumped`]).
const REPLACEMENT_PERCENT_MIN: u32 = 113;

/// What the operator may set for one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The most that a transaction may offer for one unit of gas, in wei.
    pub max_fee_per_gas_cap_wei: u128,
    /// The most that one transaction may cost, in smallest units of the network's coin. What would
    /// cost more waits. `None` where the cap of the price alone is to hold.
    pub fee_max: Option<Amount>,
    /// The most that a replacement may offer, in percent of what the first transaction of its
    /// number offered, however many there were in between.
    pub replacement_budget_percent: u32,
    /// Which of the tips in a block counts as its going rate, in percent of the block's gas.
    pub priority_percentile: u8,
    /// A payout that needs more gas than this is refused: recipients may be programs, and the
    /// house pays for what they do.
    pub gas_limit_max: u64,
    /// How much gas a payout of the network's own coin is quoted with.
    pub quote_gas_native: u64,
    /// How much gas a payout of a token is quoted with.
    pub quote_gas_token: u64,
    /// How many batches of one lane may be on their way at once.
    pub in_flight_max: u32,
    /// How many payouts are paid in one transaction; `None` if each has its own.
    pub batching: Option<Method>,
    /// The most payouts of one transaction.
    pub batch_max: u32,
    /// How long a payout that is not urgent waits for others to travel with, in milliseconds.
    pub batch_wait_ms: u64,
    /// How many transactions may be signed for one batch.
    pub attempts_max: u32,
    /// How long to wait between looks at a transaction, in milliseconds.
    pub poll_ms: u64,
    /// How long to wait after a failure to reach the node, in milliseconds.
    pub retry_ms: u64,
    /// How long a transaction may wait before a higher fee is considered, in milliseconds.
    pub replace_after_ms: u64,
    /// How many endpoints must conclude the same before anything ends, and before a number is
    /// skipped. By default two, or one if there is only one.
    pub quorum: Option<u32>,
    /// By how many blocks an endpoint may lag behind the best known head and still be built with.
    /// By default as many as a minute has, from the catalog's `block_time_ms`.
    pub lag_blocks_max: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_fee_per_gas_cap_wei: 500_000_000_000,
            fee_max: None,
            replacement_budget_percent: 400,
            priority_percentile: 50,
            gas_limit_max: 1_000_000,
            quote_gas_native: 21_000,
            quote_gas_token: 65_000,
            in_flight_max: 16,
            batching: None,
            batch_max: 100,
            batch_wait_ms: 10_000,
            attempts_max: 10,
            poll_ms: 4_000,
            retry_ms: 5_000,
            replace_after_ms: 30_000,
            quorum: None,
            lag_blocks_max: None,
        }
    }
}

/// About how much gas each payment of a transaction with many may take: most of it is for recipients of
/// coins that turn hostile.
const GAS_OF_EACH: u64 = 80_000;

impl Settings {
    /// How much gas a transaction is expected to take at most, whatever it does.
    pub fn gas_max(&self) -> u64 {
        match self.batching {
            None => self.gas_limit_max,
            Some(_) => {
                let many = GAS_OF_EACH.saturating_mul(u64::from(self.batch_max));
                self.gas_limit_max.saturating_add(many)
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("setting {what}"));
        if self.priority_percentile > 100 {
            return wrong("priority_percentile must be at most 100");
        }
        if self.in_flight_max == 0 || self.attempts_max == 0 {
            return wrong("in_flight_max and attempts_max must be at least 1");
        }
        if self.replacement_budget_percent < REPLACEMENT_PERCENT_MIN {
            return wrong("replacement_budget_percent must be at least 113, or none is ever made");
        }
        if !(2..=PAYMENTS_MAX).contains(&usize::try_from(self.batch_max).unwrap_or(usize::MAX)) {
            return wrong("batch_max must be from 2 to 300");
        }
        if self.gas_limit_max < 21_000 {
            return wrong("gas_limit_max must be at least 21000, the gas of the simplest transfer");
        }
        Ok(())
    }
}

/// How long a node may be behind by default, in milliseconds.
const LAG_MS: u64 = 60_000;
/// By how many blocks at least, and where the catalog does not say how long one takes.
const LAG_BLOCKS: u64 = 5;

/// Which blocks a network will not take back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finality {
    /// The block that nodes call by this name, and all before it.
    Tag(&'static str),
    /// Blocks that have so many, themselves included, from them to the latest.
    Depth(u64),
}

/// How a network's transactions say what they offer for gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeeModel {
    /// The most per gas, and how much of it is a tip (EIP-1559).
    Eip1559,
    /// One price per gas, as before EIP-1559.
    Legacy,
}

/// What a network charges for the place that its transactions take on its parent chain (L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum L1Charge {
    /// Nothing.
    None,
    /// A fee beside that for gas, as networks of the OP stack do.
    Op,
    /// More gas, as Arbitrum's networks do.
    Arbitrum,
}

/// The catalog's parameters of a network, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// What transactions are bound to (EIP-155).
    pub(crate) chain_id: u64,
    /// Which blocks are final.
    pub(crate) finality: Finality,
    /// How transactions say what they offer.
    pub(crate) fee_model: FeeModel,
    /// The least tip (or price, where there is no tip) to offer, in wei per gas, whatever the last
    /// blocks took.
    pub(crate) priority_fee_floor_wei: u128,
    /// What is charged for the parent chain.
    pub(crate) l1_charge: L1Charge,
    /// By how many blocks a node may lag unless the operator says otherwise.
    pub(crate) lag_blocks_max: u64,
}

impl Parameters {
    /// Reads `chain_id`, `finality`, and what there is of `fee_model`, `priority_fee_floor_wei`,
    /// `l1_fee` and `block_time_ms`.
    ///
    /// # Errors
    /// Names the parameter that is missing or makes no sense.
    pub(crate) fn of(network: &Network) -> Result<Self, String> {
        let optional = |name: &str| network.parameters.get(name).map(String::as_str);
        let parameter = |name: &str| {
            optional(name).ok_or_else(|| format!("network {} has no parameter {name}", network.id))
        };
        let wrong = |name: &str, text: &str| {
            format!("network {}: parameter {name} cannot be {text:?}", network.id)
        };
        let chain_id = parameter("chain_id")?;
        let finality = parameter("finality")?;
        let lag_blocks_max = match parameter("block_time_ms") {
            Ok(text) => match text.parse::<u64>() {
                Ok(block_time_ms) if block_time_ms > 0 => (LAG_MS / block_time_ms).max(LAG_BLOCKS),
                _ => return Err(wrong("block_time_ms", text)),
            },
            Err(_) => LAG_BLOCKS,
        };
        Ok(Self {
            lag_blocks_max,
            chain_id: match chain_id.parse() {
                Ok(number) if number > 0 => number,
                _ => return Err(wrong("chain_id", chain_id)),
            },
            finality: match (finality, finality.parse()) {
                ("finalized", _) => Finality::Tag("finalized"),
                ("safe", _) => Finality::Tag("safe"),
                (_, Ok(depth)) if depth > 0 => Finality::Depth(depth),
                _ => return Err(wrong("finality", finality)),
            },
            fee_model: match optional("fee_model") {
                None | Some("eip1559") => FeeModel::Eip1559,
                Some("legacy") => FeeModel::Legacy,
                Some(other) => return Err(wrong("fee_model", other)),
            },
            priority_fee_floor_wei: match optional("priority_fee_floor_wei") {
                None => 1,
                Some(text) => text.parse().map_err(|_| wrong("priority_fee_floor_wei", text))?,
            },
            l1_charge: match optional("l1_fee") {
                None | Some("none") => L1Charge::None,
                Some("op") => L1Charge::Op,
                Some("arbitrum") => L1Charge::Arbitrum,
                Some(other) => return Err(wrong("l1_fee", other)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::ids::{AssetId, NetworkId};

    use super::*;

    fn network(parameters: &[(&str, &str)]) -> Network {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Network {
            id: NetworkId::new("testnet"),
            title: "Testnet".to_owned(),
            family: "evm".to_owned(),
            fee_asset: AssetId::new("ETH@testnet"),
            explorer_url: String::new(),
            has_priorities: false,
            parameters: parameters.iter().map(owned).collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn parameters_are_understood_or_refused() {
        let of = |finality| Parameters::of(&network(&[("chain_id", "56"), ("finality", finality)]));
        assert_eq!(of("finalized").unwrap().finality, Finality::Tag("finalized"));
        assert_eq!(of("safe").unwrap().finality, Finality::Tag("safe"));
        assert_eq!(of("12").unwrap().finality, Finality::Depth(12));
        assert_eq!(of("12").unwrap().chain_id, 56);
        assert_eq!(of("12").unwrap().lag_blocks_max, 5);
        for wrong in ["latest", "0", "-1", "", "1.5"] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["0", "0x1", ""] {
            let network = network(&[("chain_id", wrong), ("finality", "safe")]);
            assert!(Parameters::of(&network).is_err(), "{wrong:?}");
        }
        assert!(Parameters::of(&network(&[("chain_id", "1")])).is_err());
    }

    #[test]
    fn what_says_nothing_about_fees_has_tips_and_no_parent_chain() {
        let of = |more: &[(&str, &str)]| {
            let all = [&[("chain_id", "56"), ("finality", "safe")], more].concat();
            Parameters::of(&network(&all))
        };
        let plain = of(&[]).unwrap();
        let found = (plain.fee_model, plain.priority_fee_floor_wei, plain.l1_charge);
        assert_eq!(found, (FeeModel::Eip1559, 1, L1Charge::None));
        let legacy = [("fee_model", "legacy"), ("priority_fee_floor_wei", "50000000")];
        let legacy = of(&legacy).unwrap();
        assert_eq!(
            (legacy.fee_model, legacy.priority_fee_floor_wei),
            (FeeModel::Legacy, 50_000_000)
        );
        assert_eq!(of(&[("l1_fee", "op")]).unwrap().l1_charge, L1Charge::Op);
        assert_eq!(of(&[("l1_fee", "arbitrum")]).unwrap().l1_charge, L1Charge::Arbitrum);
        for wrong in [
            ("fee_model", "eip-1559"),
            ("fee_model", ""),
            ("priority_fee_floor_wei", "-1"),
            ("priority_fee_floor_wei", "0.05"),
            ("l1_fee", "optimism"),
        ] {
            assert!(of(&[wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_row_of_the_catalog_is_understood() {
        let catalog = catalog::read(&[crate::CATALOG]).unwrap();
        let of = |id: &str| Parameters::of(catalog.network(id).unwrap()).unwrap();
        assert_eq!(catalog.networks().flat_map(Parameters::of).count(), 8);
        assert_eq!(of("polygon").priority_fee_floor_wei, 25_000_000_000);
        assert_eq!(of("bsc").priority_fee_floor_wei, 50_000_000);
        for (id, charge) in [
            ("ethereum", L1Charge::None),
            ("optimism", L1Charge::Op),
            ("base", L1Charge::Op),
            ("arbitrum", L1Charge::Arbitrum),
        ] {
            assert_eq!(of(id).l1_charge, charge, "{id}");
        }
    }

    #[test]
    fn settings_that_allow_nothing_are_refused() {
        assert_eq!(Settings::default().check(), Ok(()));
        let many = Settings { batching: Some(Method::Contract), ..Settings::default() };
        assert_eq!((Settings::default().gas_max(), many.gas_max()), (1_000_000, 9_000_000));
        let of = |replacement_budget_percent| {
            Settings { replacement_budget_percent, ..Settings::default() }.check()
        };
        assert_eq!(of(113), Ok(()));
        assert!(of(112).unwrap_err().contains("replacement_budget_percent"));
    }

    #[test]
    fn a_node_may_lag_by_a_minute() {
        let of = |block_time_ms| {
            let parameters =
                [("chain_id", "1"), ("finality", "safe"), ("block_time_ms", block_time_ms)];
            Parameters::of(&network(&parameters)).map(|it| it.lag_blocks_max)
        };
        assert_eq!(of("12000"), Ok(5));
        assert_eq!(of("450"), Ok(133));
        assert_eq!(of("60000"), Ok(5));
        assert!(of("0").is_err() && of("soon").is_err());
    }
}
