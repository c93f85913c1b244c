//! What the doctor says of nodes.

use domain::{
    lane::Lane,
    ports::{Finding, Weight},
};
use net::ACCESS_REFUSED;

use super::{Report, good, note};
use crate::{app::App, cli::silent, config::Config, rails};

/// Looks at the nodes of every network, as far as its rail does that.
pub(super) async fn examine(config: &Config, app: &App, report: &mut Report) -> anyhow::Result<()> {
    let lanes = app.store.lanes().await.map_err(silent)?;
    for rail in &app.rails {
        let network = &rail.profile().network;
        let refused = refused(config, app, network.as_str()).await;
        if !refused.is_empty() {
            report.locked_out.insert(network.clone());
        }
        for name in &refused {
            let what = format!("{network}: node {name}: {ACCESS_REFUSED}");
            report.wrong(&what, "look at user, password or key in rpc of its [[network]]");
        }
        // To the rail it is silent.
        let is_said = |it: &Finding| {
            refused.iter().any(|name| it.what.contains(&format!("node {name} does not answer")))
        };
        let is_ours = |lane: &&Lane| {
            lane.network == *network && app.lanes.iter().any(|it| it.lane == lane.id)
        };
        let ours: Vec<Lane> = lanes.iter().filter(is_ours).cloned().collect();
        let found = rail.examine(&ours).await;
        for finding in found.into_iter().filter(|it| !is_said(it)) {
            match finding.weight {
                Weight::Good => good(&finding.what),
                Weight::Note => note(&finding.what),
                Weight::Wrong(remedy) => report.wrong(&finding.what, remedy),
            }
        }
    }
    Ok(())
}

/// The nodes of a network that do not let us in.
async fn refused(config: &Config, app: &App, network: &str) -> Vec<String> {
    let settings = config.networks.iter().find(|it| it.id == network);
    match (app.catalog.network(network), settings) {
        (Some(network), Some(settings)) => rails::refused(network, settings).await,
        (None, _) | (_, None) => vec![],
    }
}
