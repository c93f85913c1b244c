//! What the doctor says of payouts that take long.

use domain::{
    catalog::Network,
    payout::{Payout, Priority, Status},
    ports::PageQuery,
};
use rail_bitcoin::fees;

use super::Report;
use crate::{app::App, cli::silent, clock, explain};

/// How long a payout may take to its next state before the doctor looks at it, in milliseconds,
/// unless its network takes longer by itself.
const SLOW_MS: u64 = 30 * 60 * 1_000;
/// Within how many blocks a transaction is expected where nothing else is said.
const TARGET_BLOCKS: u64 = 6;
/// How many payouts the doctor looks at.
const LOOKS_MAX: u32 = 1_000;

pub(super) async fn payouts(app: &App, report: &mut Report) -> anyhow::Result<()> {
    // One that waits for an approval takes as long as it may.
    let is_ours = |it: &Status| !it.is_final() && *it != Status::AwaitingApproval;
    for status in Status::ALL.into_iter().filter(is_ours) {
        let query =
            PageQuery { status: Some(status), count_max: LOOKS_MAX, ..PageQuery::default() };
        for payout in app.store.page(&query).await.map_err(silent)? {
            let network = app.catalog.network(payout.network.as_str());
            let slow_ms = network.map_or(SLOW_MS, |it| expected_ms(it, &payout));
            if clock::now().since_ms(payout.updated_at) > slow_ms {
                report.wrong(
                    &format!(
                        "{} is {} since {}",
                        payout.id,
                        status.word(),
                        explain::moment(payout.updated_at)
                    ),
                    &format!("`vyplata payout show {}` says why", payout.id),
                );
            }
        }
    }
    Ok(())
}

/// How long a payout may be in its state: half as long again as its network's blocks make it, by what
/// it offers and by when it is final.
fn expected_ms(network: &Network, payout: &Payout) -> u64 {
    let parameter = |name: &str| network.parameters.get(name).and_then(|it| it.parse::<u64>().ok());
    let blocks = match payout.state.status() {
        Status::Sending => target_blocks(network, payout.priority),
        Status::InBlock => ["finality_blocks_large", "finality_blocks", "finality"]
            .into_iter()
            .find_map(parameter)
            .unwrap_or_default(),
        Status::AwaitingApproval
        | Status::Queued
        | Status::Paid
        | Status::Failed
        | Status::Cancelled => 0,
    };
    let block_ms = parameter("block_time_ms").unwrap_or_default();
    (blocks.saturating_mul(block_ms).saturating_mul(3) / 2).max(SLOW_MS)
}

fn target_blocks(network: &Network, priority: Priority) -> u64 {
    match network.family.as_str() {
        "bitcoin" => u64::from(fees::target_blocks(priority)),
        _ => TARGET_BLOCKS,
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        Timestamp,
        catalog::Destination,
        command::{Asked, CreatePayout},
        ids::{AssetId, BatchId, DialectId, MerchantId, PayoutId},
        money::Amount,
        payout::{PayoutState, Stage},
        quote::{FeeBearer, Quote},
    };

    use super::*;

    const MINUTE: u64 = 60_000;

    fn payout(network: &Network, stage: Stage, priority: Priority) -> Payout {
        let quote = Quote {
            asked: Amount::ZERO,
            bearer: FeeBearer::Merchant,
            amount: Amount::ZERO,
            service_fee: Amount::ZERO,
            network_fee: Amount::ZERO,
            usd: None,
            worth: None,
            conversions: vec![],
        };
        let (dialect, asked) = (DialectId::new("native"), Asked::Exact(Amount::ZERO));
        let destination = Destination { address: String::new(), memo: None };
        let asset = AssetId::new(network.fee_asset.as_str());
        let create =
            CreatePayout::new(PayoutId(1), MerchantId(1), dialect, asset, asked, String::new());
        let state = PayoutState::Sending { batch: BatchId(1), stage, txid: None };
        let payout = Payout::new(&create, network.id.clone(), destination, quote, Timestamp(0));
        Payout { state, priority, ..payout }
    }

    #[test]
    fn what_takes_its_time_is_not_called_slow() {
        use Priority::{Economy, Highest, Recommended};
        use Stage::{Broadcast, InBlock, Preparing};

        let catalog = catalog::read(&[rail_bitcoin::CATALOG, rail_evm::CATALOG]).unwrap();
        let minutes = |network: &str, stage, priority| {
            let network = catalog.network(network).unwrap();
            expected_ms(network, &payout(network, stage, priority)) / MINUTE
        };
        assert_eq!(minutes("bitcoin", Preparing, Economy), 30);
        assert_eq!(minutes("bitcoin", Broadcast, Highest), 30);
        assert_eq!(minutes("bitcoin", Broadcast, Recommended), 90);
        assert_eq!(minutes("bitcoin", Broadcast, Economy), 36 * 60);
        assert_eq!(minutes("bitcoin", InBlock, Economy), 90);
        assert_eq!(minutes("litecoin", Broadcast, Economy), 9 * 60);
        assert_eq!(minutes("ethereum", Broadcast, Economy), 30);
    }
}
