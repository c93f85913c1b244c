//! The rails there are, by the kind of network they carry: one line each.

use domain::{
    catalog::{Destination, DestinationError, Network},
    money::Amount,
    ports::AddressRules,
};

type Parse = fn(&Network, &str, Option<&str>) -> Result<Destination, DestinationError>;

/// Every rail: its kind, its catalog, its address rules.
pub(crate) const RAILS: &[(&str, &str, Parse)] = &[
    ("bitcoin", rail_bitcoin::CATALOG, rail_bitcoin::parse_destination),
    ("evm", rail_evm::CATALOG, rail_evm::parse_destination),
    ("solana", rail_solana::CATALOG, rail_solana::parse_destination),
    ("ton", rail_ton::CATALOG, rail_ton::parse_destination),
    ("tron", rail_tron::CATALOG, rail_tron::parse_destination),
];

/// The address rules of every network.
pub(crate) struct Rules;

impl AddressRules for Rules {
    fn parse(
        &self,
        network: &Network,
        address: &str,
        memo: Option<&str>,
    ) -> Result<Destination, DestinationError> {
        let Some((_, _, parse)) = RAILS.iter().find(|it| it.0 == network.family) else {
            let why = format!("no rail knows the addresses of {}", network.title);
            return Err(DestinationError::Address(why));
        };
        parse(network, address, memo)
    }

    fn least(&self, network: &Network, address: Option<&str>) -> Amount {
        match network.family.as_str() {
            "bitcoin" => rail_bitcoin::least(network, address),
            _ => Amount::ZERO,
        }
    }
}
