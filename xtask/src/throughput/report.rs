//! The figures, for people and for programs.

use serde_json::{Value, json};

use super::{BLOCK, Plan, chain::Pace, stage::Paid};
use crate::kill::evm::setup::Batching;

/// From how many percent of what is possible on a thing counts as used up.
const USED_UP_PERCENT: u64 = 90;

/// What one run found.
pub(crate) struct Row {
    pub(crate) plan: Plan,
    pub(crate) paid: Paid,
    pub(crate) flooded: Pace,
}

impl Row {
    /// What the chain could take, in payouts per second.
    fn capacity(&self) -> u64 {
        let block_ms = u64::try_from(BLOCK.as_millis()).unwrap_or(u64::MAX);
        let gas_per_second = self.plan.gas_limit * 1_000 / block_ms.max(1);
        gas_per_second / self.paid.pace.gas_each.max(1)
    }

    fn percent_of(&self, possible: u64) -> u64 {
        self.paid.pace.per_second() * 100 / possible.max(1)
    }

    /// What sets the pace: the chain's limit, or the node that is flooded, or the gateway.
    fn bottleneck(&self) -> &'static str {
        if self.percent_of(self.capacity()) >= USED_UP_PERCENT
            || self.paid.pace.full_percent() >= USED_UP_PERCENT
        {
            "chain"
        } else if self.percent_of(self.flooded.per_second()) >= USED_UP_PERCENT {
            "anvil"
        } else {
            "gateway"
        }
    }

    /// All figures, on one line.
    pub(crate) fn json(&self) -> Value {
        let (plan, paid) = (&self.plan, &self.paid);
        let pace = |it: &Pace| {
            json!({
                "payouts": it.payments,
                "payouts_per_second": it.per_second(),
                "block_full_percent": it.full_percent(),
                "block_ms": it.block_ms(),
                "blocks": it.blocks,
                "gas_per_payout": it.gas_each,
                "gateway_cpu_percent": it.cpu_percent[0],
                "anvil_cpu_percent": it.cpu_percent[1],
            })
        };
        json!({
            "gas_limit": plan.gas_limit,
            "batching": plan.batching.word(),
            "asset": plan.asset.to_string(),
            "batch_max": plan.batch_max,
            "in_flight_max": plan.in_flight_max,
            "creates_per_second": paid.creates_per_second,
            "gateway_memory_kb": paid.memory_kb,
            "capacity_per_second": self.capacity(),
            "percent_of_capacity": self.percent_of(self.capacity()),
            "percent_of_flood": self.percent_of(self.flooded.per_second()),
            "bottleneck": self.bottleneck(),
            "gateway": pace(&paid.pace),
            "flood": pace(&self.flooded),
        })
    }
}

/// Prints a table.
pub(crate) fn print(rows: &[Row]) {
    println!(
        "| gas per block | payouts of | in one transaction | chain could take | anvil flooded | \
         gateway pays | of the chain's | blocks full | a block takes | gateway's CPU | anvil's CPU | \
         gateway's memory | bottleneck |"
    );
    println!("|{}", "---|".repeat(13));
    for row in rows {
        let (plan, pace) = (&row.plan, &row.paid.pace);
        let together = match plan.batching {
            Batching::Off => "1".to_owned(),
            other @ (Batching::Contract | Batching::Delegate) => {
                format!("{} ({})", plan.batch_max, other.word())
            }
        };
        println!(
            "| {} k | {} | {together} | {}/s | {}/s | {}/s | {} % | {} % | {} ms | {} % | {} % | {} MB | {} |",
            plan.gas_limit / 1_000,
            plan.asset,
            row.capacity(),
            row.flooded.per_second(),
            pace.per_second(),
            row.percent_of(row.capacity()),
            pace.full_percent(),
            pace.block_ms(),
            pace.cpu_percent[0],
            pace.cpu_percent[1],
            row.paid.memory_kb / 1_000,
            row.bottleneck(),
        );
    }
}
