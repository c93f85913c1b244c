//! What the doctor says of nodes.

use rail_bitcoin::Weight;

use super::{Report, good, note};
use crate::{app::App, cli::silent};

/// Looks at the nodes of networks of the Bitcoin family.
pub(super) async fn bitcoin(app: &App, report: &mut Report) -> anyhow::Result<()> {
    let lanes = app.store.lanes().await.map_err(silent)?;
    for rail in &app.bitcoins {
        let network = rail.network();
        let is_paying = |id| app.lanes.iter().any(|it| it.lane == id);
        let ours = lanes.iter().filter(|it| it.network == *network && is_paying(it.id.clone()));
        let wallets: Vec<String> = ours.map(|it| it.address.clone()).collect();
        for finding in rail.examine(&wallets).await {
            match finding.weight {
                Weight::Good => good(&finding.what),
                Weight::Note => note(&finding.what),
                Weight::Wrong(remedy) => report.wrong(&finding.what, remedy),
            }
        }
    }
    Ok(())
}
