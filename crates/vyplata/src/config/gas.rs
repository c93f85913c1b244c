//! Where a lane's coins for fees come from.

use anyhow::{Context as _, anyhow};
use domain::{catalog::Catalog, ids::LaneId, money::Amount, station::Station};
use serde::Deserialize;

use super::{Config, LaneConfig};

/// How a lane is brought coins for fees, in whole coins of its network.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GasConfig {
    /// The lane that brings them: its name, on the same network.
    pub(crate) from: String,
    /// When there is less than this.
    pub(crate) below: String,
    /// So many that there is this.
    pub(crate) up_to: String,
    /// At most so many within 24 hours.
    pub(crate) daily_max: String,
}

impl Config {
    /// How a lane is brought coins, if it is.
    ///
    /// # Errors
    /// Names the line that makes no sense.
    pub(crate) fn station(
        &self,
        lane: &LaneConfig,
        catalog: &Catalog,
    ) -> anyhow::Result<Option<Station>> {
        let Some(gas) = &lane.gas else { return Ok(None) };
        let name = format!("{}/{}", lane.network, lane.name);
        let place = |key: &str| self.place(&["lane", &name, "gas", key]);
        let from = self.lanes.iter().find(|it| it.network == lane.network && it.name == gas.from);
        let from = from.filter(|it| it.name != lane.name).ok_or_else(|| {
            let network = &lane.network;
            anyhow!("{}: there is no other [[lane]] {:?} on {network}", place("from"), gas.from)
        })?;
        let network = catalog.network(&lane.network).context("the network was checked")?;
        let coin = catalog.asset(network.fee_asset.as_str()).context("the catalog was checked")?;
        let amount = |key: &str, text: &str| {
            let amount = Amount::parse(text, coin.decimals)
                .map_err(|error| anyhow!("{}: {text:?} is {error}", place(key)))?;
            anyhow::ensure!(!amount.is_zero(), "{}: it must be more than 0", place(key));
            Ok(amount)
        };
        let station = Station {
            from: LaneId::new(&format!("{}/{}", from.network, from.name)),
            below: amount("below", &gas.below)?,
            up_to: amount("up_to", &gas.up_to)?,
            daily_max: amount("daily_max", &gas.daily_max)?,
        };
        anyhow::ensure!(station.up_to > station.below, "{}: not more than below", place("up_to"));
        Ok(Some(station))
    }
}
