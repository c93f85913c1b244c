//! What the operator may set, and what the catalog's parameters of a network mean.

use bitcoin::BlockHash;
use domain::catalog::Network;

use crate::{budget::Limits, gathering::Gathering, verdict::Finality};

/// What the operator may set for one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How much may be paid for transactions.
    pub limits: Limits,
    /// The least fee rate to offer, in satoshi for 1,000 virtual bytes, whatever nodes estimate and
    /// relay.
    pub rate_min_sat_per_kvb: u64,
    /// The fee rate where no node knows one, in satoshi for 1,000 virtual bytes. Without it, payouts
    /// wait until one does.
    pub rate_default_sat_per_kvb: Option<u64>,
    /// The rate at which coins can be spent some time, in satoshi for 1,000 virtual bytes: change
    /// that is not worth that is given to the fee.
    pub rate_later_sat_per_kvb: u64,
    /// When many small coins are brought together.
    pub gathering: Gathering,
    /// Whether the lane's own change is spent before it is in a block.
    pub spends_unconfirmed_change: bool,
    /// The most payouts of one transaction.
    pub batch_max: u32,
    /// How long a payout that is not urgent waits for others to travel with, in milliseconds.
    pub batch_wait_ms: u64,
    /// How many batches of one lane may be on their way at once.
    pub in_flight_max: u32,
    /// How many transactions may be signed for one batch.
    pub attempts_max: u32,
    /// How long to wait between looks at a transaction, in milliseconds.
    pub poll_ms: u64,
    /// How long to wait after a failure to reach the node, in milliseconds.
    pub retry_ms: u64,
    /// How long a transaction may wait before a higher fee is considered, in milliseconds.
    pub replace_after_ms: u64,
    /// How many nodes must conclude the same before anything ends. By default two, or one if there
    /// is only one.
    pub quorum: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits {
                rate_max_sat_per_kvb: 500_000,
                fee_max_sat: None,
                replacement_budget_percent: 400,
                rate_ordinary_sat_per_kvb: 10_000,
            },
            rate_min_sat_per_kvb: 1_000,
            rate_default_sat_per_kvb: None,
            rate_later_sat_per_kvb: 10_000,
            gathering: Gathering {
                rate_max_sat_per_kvb: 3_000,
                coins_kept: 20,
                coins_over: 50,
                inputs_max: 200,
            },
            spends_unconfirmed_change: true,
            batch_max: 500,
            batch_wait_ms: 60_000,
            in_flight_max: 16,
            attempts_max: 10,
            poll_ms: 15_000,
            retry_ms: 10_000,
            replace_after_ms: 1_800_000,
            quorum: None,
        }
    }
}

/// The most payouts of one transaction that can be set: as many of the largest kind of output as
/// leave room for the inputs.
const BATCH_MAX: u32 = 2_000;

impl Settings {
    /// The most that one transaction can cost, in satoshi: as set, or the largest that nodes relay
    /// at the highest rate.
    pub fn fee_max_sat(&self) -> u64 {
        let largest = crate::weight::WEIGHT_MAX / 4;
        let most = crate::fees::of_size(self.limits.rate_max_sat_per_kvb, largest);
        self.limits.fee_max_sat.map_or(most, |it| it.min(most))
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("setting {what}"));
        if self.in_flight_max == 0 || self.attempts_max == 0 {
            return wrong("in_flight_max and attempts_max must be at least 1");
        }
        if self.limits.replacement_budget_percent < 113 {
            return wrong("replacement_budget_percent must be at least 113, or none is ever made");
        }
        if !(1..=BATCH_MAX).contains(&self.batch_max) {
            return wrong("batch_max must be from 1 to 2000");
        }
        if self.limits.rate_max_sat_per_kvb < self.rate_min_sat_per_kvb {
            return wrong("the highest fee rate is below the least that is offered");
        }
        Ok(())
    }
}

/// The catalog's parameters of a network, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// The network's first block, by which a node of another one is noticed.
    pub(crate) genesis: BlockHash,
    /// Which blocks are final.
    pub(crate) finality: Finality,
    /// The rate by which nodes tell dust, in satoshi for 1,000 virtual bytes.
    pub(crate) dust_sat_per_kvb: u64,
}

impl Parameters {
    /// Reads `genesis`, `finality_blocks`, and what there is of `finality_blocks_large` and
    /// `finality_large`.
    ///
    /// # Errors
    /// Names the parameter that is missing or makes no sense.
    pub(crate) fn of(network: &Network) -> Result<Self, String> {
        let optional = |name: &str| network.parameters.get(name).map(String::as_str);
        let wrong = |name: &str, text: &str| {
            format!("network {}: parameter {name} cannot be {text:?}", network.id)
        };
        let parameter = |name: &str| {
            optional(name).ok_or_else(|| format!("network {} has no parameter {name}", network.id))
        };
        let blocks = |name: &str, text: &str| match text.parse::<u32>() {
            Ok(blocks) if blocks > 0 => Ok(blocks),
            _ => Err(wrong(name, text)),
        };
        if !network.parameters.contains_key("hrp") {
            let title = &network.title;
            return Err(format!("{title} has no segregated witness; its rail is not built yet"));
        }
        let genesis = parameter("genesis")?;
        let least = blocks("finality_blocks", parameter("finality_blocks")?)?;
        let large = optional("finality_blocks_large");
        let large = large.map(|text| blocks("finality_blocks_large", text)).transpose()?;
        let from = optional("finality_large_sat");
        let from = from.map(|it| it.parse::<u64>().map_err(|_| wrong("finality_large_sat", it)));
        Ok(Self {
            genesis: genesis.parse().map_err(|_| wrong("genesis", genesis))?,
            finality: Finality {
                blocks: least,
                blocks_large: large.unwrap_or(least),
                large_sat: from.transpose()?.unwrap_or(u64::MAX),
            },
            dust_sat_per_kvb: crate::lock::dust_sat_per_kvb(network)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_with_witnesses_can_be_paid_on_as_the_catalog_has_them() {
        let catalog = catalog::read(&[crate::CATALOG]).unwrap();
        let parameters = |id: &str| Parameters::of(catalog.network(id).unwrap());
        let depth = |id: &str| {
            let Finality { blocks, blocks_large, large_sat } = parameters(id).unwrap().finality;
            (blocks, blocks_large, large_sat)
        };
        assert_eq!(depth("bitcoin"), (3, 6, 10_000_000));
        assert_eq!(depth("litecoin"), (6, 12, 10_000_000_000));
        for id in ["bitcoincash", "dogecoin", "dash"] {
            assert!(parameters(id).unwrap_err().contains("not built yet"), "{id}");
        }
        let mut litecoin = catalog.network("litecoin").unwrap().clone();
        for (name, value) in
            [("finality_blocks", "0"), ("finality_large_sat", "-1"), ("genesis", "")]
        {
            let right = litecoin.parameters.insert(name.to_owned(), value.to_owned());
            assert!(Parameters::of(&litecoin).unwrap_err().contains(name), "{name}");
            litecoin.parameters.remove(name);
            litecoin.parameters.extend(right.map(|it| (name.to_owned(), it)));
        }
    }
}
