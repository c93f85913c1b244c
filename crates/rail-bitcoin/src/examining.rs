//! What an operator wants to know of the nodes before payouts depend on them.

use domain::{
    lane::Lane,
    payout::Priority,
    ports::{Finding, Rail as _, Unreachable, Weight},
};

use crate::{
    chain::{Chain, RelayRules},
    fees,
    nodes::Endpoint,
    rail::{Bitcoin, OTHER_NODE},
};

fn finding(weight: Weight, what: String) -> Finding {
    Finding { what, weight }
}

impl Bitcoin {
    /// See [`domain::ports::Rail::examine`].
    pub(crate) async fn examine_nodes(&self, lanes: &[Lane]) -> Vec<Finding> {
        let mut found = vec![];
        for endpoint in self.nodes.all() {
            found.extend(self.examine_node(endpoint, lanes).await);
        }
        // Who is behind, and who disagrees, is asked of all at the same time.
        let _ = self.nodes.leading().await;
        if let Some(words) = self.alert() {
            let remedy =
                "compare rpc of its [[network]] with a block explorer, and take out what is wrong";
            found.push(finding(Weight::Wrong(remedy), words));
        }
        let recommended = self.rate(Priority::Recommended).await;
        found.push(match recommended {
            Some(rate) => finding(Weight::Good, format!("a payout offers {}", text(rate))),
            None => finding(
                Weight::Wrong(
                    "wait until a node has seen more blocks, or set \
                               fee_default_sat_per_vbyte",
                ),
                "no node knows what transactions cost, and nothing is paid meanwhile".to_owned(),
            ),
        });
        for it in &mut found {
            it.what = format!("{}: {}", self.network.id, it.what);
        }
        found
    }

    async fn examine_node(&self, endpoint: &Endpoint, lanes: &[Lane]) -> Vec<Finding> {
        let Endpoint { name, chain } = endpoint;
        let wrong = |remedy, what: &str| {
            vec![finding(Weight::Wrong(remedy), format!("node {name} {what}"))]
        };
        match chain.block(0).await {
            Ok(found) if found == self.parameters.genesis => {}
            Ok(found) => return wrong(OTHER_NODE, &self.of_another_network(found)),
            Err(Unreachable) => {
                let remedy = "look at rpc of its [[network]], and whether the node is up; the log \
                              above says why";
                return wrong(remedy, "does not answer");
            }
        }
        let Ok(tip) = chain.tip().await else {
            return wrong("wait; it is of no use until then", "still catches up with its network");
        };
        let mut found = vec![finding(
            Weight::Good,
            format!("node {name} is on the right network, at block {}", tip.height),
        )];
        for lane in lanes {
            found.push(self.examine_wallet(endpoint, &lane.address).await);
        }
        let fees = chain.fee_rate(fees::target_blocks(Priority::Recommended)).await;
        if matches!(fees, Ok(None)) {
            let what = format!("node {name} does not know yet what transactions cost");
            found.push(finding(Weight::Note, what));
        }
        found.extend(rules_of(&**chain, name).await);
        found
    }

    async fn examine_wallet(&self, endpoint: &Endpoint, wallet: &str) -> Finding {
        let Endpoint { name, chain } = endpoint;
        let coins = async {
            let script = crate::lock::script(&self.network, wallet).map_err(|_| Unreachable)?;
            chain.follow(&script).await?;
            chain.coins(&script).await
        };
        match coins.await {
            Ok(coins) => {
                let waiting = coins.iter().filter(|it| it.height.is_none()).count();
                let sum = coins.iter().fold(0_u64, |sum, it| sum.saturating_add(it.value_sat));
                let (count, sum) = (coins.len(), self.text(sum));
                let what = format!(
                    "node {name} has {count} coins of {wallet}, {waiting} of them in no block yet: \
                     {sum}"
                );
                finding(Weight::Good, what)
            }
            Err(Unreachable) => finding(
                Weight::Wrong(
                    "it may read old blocks again for it, which takes a while, or not list so many \
                     coins (a server of Esplora's API: --utxos-limit); the log above says how far it \
                     is, or what is wrong",
                ),
                format!("node {name} does not keep account of {wallet} yet"),
            ),
        }
    }
}

async fn rules_of(chain: &dyn Chain, name: &str) -> Option<Finding> {
    let RelayRules { fee_rate_min_sat_per_kvb, replaces, replaces_is_assumed, .. } =
        chain.relay_rules().await.ok()?;
    let from = text(fee_rate_min_sat_per_kvb);
    let what = if replaces && replaces_is_assumed {
        format!(
            "node {name} relays from {from} on, and is taken to replace what waits, as \
             node_replaces says: it does not tell itself"
        )
    } else if replaces {
        format!("node {name} relays from {from} on, and replaces what waits")
    } else if replaces_is_assumed {
        format!(
            "node {name} relays from {from} on, and is taken to replace nothing, as node_replaces \
             says or a refusal showed: what waits for too little is paid for by spending its change"
        )
    } else {
        format!(
            "node {name} relays from {from} on, and replaces nothing: what waits for too little is \
             paid for by spending its change"
        )
    };
    Some(finding(if replaces { Weight::Good } else { Weight::Note }, what))
}

/// A rate for people, who count in single virtual bytes.
fn text(rate_sat_per_kvb: u64) -> String {
    format!("{}.{:03} sat/vB", rate_sat_per_kvb / 1_000, rate_sat_per_kvb % 1_000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn rates_are_written_for_a_virtual_byte() {
        assert_eq!(super::text(1_000), "1.000 sat/vB");
        assert_eq!(super::text(12_345), "12.345 sat/vB");
        assert_eq!(super::text(7), "0.007 sat/vB");
    }
}
