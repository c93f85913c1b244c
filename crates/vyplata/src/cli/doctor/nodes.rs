//! What the doctor says of nodes.

use domain::{lane::Lane, ports::Weight};

use super::{Report, good, note};
use crate::{app::App, cli::silent};

/// Looks at the nodes of every network, as far as its rail does that.
pub(super) async fn examine(app: &App, report: &mut Report) -> anyhow::Result<()> {
    let lanes = app.store.lanes().await.map_err(silent)?;
    for rail in &app.rails {
        let network = &rail.profile().network;
        let is_ours = |lane: &&Lane| {
            lane.network == *network && app.lanes.iter().any(|it| it.lane == lane.id)
        };
        let ours: Vec<Lane> = lanes.iter().filter(is_ours).cloned().collect();
        for finding in rail.examine(&ours).await {
            match finding.weight {
                Weight::Good => good(&finding.what),
                Weight::Note => note(&finding.what),
                Weight::Wrong(remedy) => report.wrong(&finding.what, remedy),
            }
        }
    }
    Ok(())
}
