//! What an operator wants to know of the nodes before payouts depend on them.

use domain::{
    lane::Lane,
    ports::{Finding, Unreachable, Weight},
};

use crate::{
    abi, address,
    node::As,
    nodes::{BLOCKS_BACK_MAX, Member},
    plan::{Prices, Resources},
    rail::Tron,
};

/// By how many blocks the newest solid one is behind on a healthy network, at the most: some two
/// minutes.
const SOLID_LAG_BLOCKS: u64 = 40;

/// In how many of the newest final blocks a transaction is looked for.
const BLOCKS_TRIED: u64 = 10;

fn finding(weight: Weight, what: String) -> Finding {
    Finding { what, weight }
}

impl Tron {
    /// See [`domain::ports::Rail::examine`].
    pub(crate) async fn examine_nodes(&self, lanes: &[Lane]) -> Vec<Finding> {
        let mut found = vec![];
        for member in self.nodes.all() {
            found.extend(self.examine_node(member, lanes).await);
        }
        for asset in self.assets.values() {
            if let Ok(fee) = self.quote(asset).await {
                let (id, fee) = (&asset.id, self.coin.text(fee));
                found.push(finding(Weight::Good, format!("a payout of {id} costs {fee} TRX")));
            }
        }
        for it in &mut found {
            it.what = format!("{}: {}", self.network.id, it.what);
        }
        found
    }

    async fn examine_node(&self, member: &Member, lanes: &[Lane]) -> Vec<Finding> {
        let name = member.name.as_str();
        let wrong = |remedy, what: &str| {
            vec![finding(Weight::Wrong(remedy), format!("node {name} {what}"))]
        };
        let Ok(found) = member.node.genesis().await else {
            let remedy = "look at rpc and solidity of its [[network]], whether it needs a key, and \
                          whether the node is up; the log above says why";
            return wrong(remedy, "does not answer");
        };
        if self.nodes.other_network(&found).is_some() {
            return wrong("look at its rpc and solidity", "is on another network");
        }
        let heads = async {
            let head = member.node.head(As::Newest).await?;
            Ok::<_, Unreachable>((head, member.node.head(As::Solid).await?))
        };
        let Ok((head, solid)) = heads.await else {
            return wrong(
                "use one that answers below /walletsolidity, too",
                "does not tell which blocks are final",
            );
        };
        let (number, lag) = (head.number, head.number.saturating_sub(solid.number));
        let what =
            format!("node {name} is on the right network, at block {number}, {lag} not final");
        let weight = if lag > SOLID_LAG_BLOCKS {
            Weight::Wrong("wait; payouts are not final before that")
        } else {
            Weight::Good
        };
        let mut found = vec![finding(weight, what)];
        if let Ok(prices) = member.node.prices().await {
            let Prices { energy_sun, byte_sun, .. } = prices;
            let what = format!(
                "node {name}: energy costs {energy_sun} sun a unit, bandwidth {byte_sun} sun a byte"
            );
            found.push(finding(Weight::Good, what));
        }
        found.extend(self.examine_memory(member, solid.number).await);
        for lane in lanes {
            found.extend(self.examine_wallet(member, lane).await);
        }
        found
    }

    /// Looks whether a node tries calls, and keeps what payouts are proven by.
    async fn examine_memory(&self, member: &Member, solid: u64) -> Vec<Finding> {
        let name = member.name.as_str();
        let mut found = vec![];
        if let Some(token) = self.contracts.values().next()
            && member.node.call(As::Newest, token, token, &abi::DECIMALS).await.is_err()
        {
            found.push(finding(
                Weight::Wrong("start it with vm.supportConstant = true"),
                format!("node {name} does not try calls of contracts: no token can be paid"),
            ));
        }
        let old = solid.saturating_sub(BLOCKS_BACK_MAX).max(1);
        if !matches!(member.node.solid_block(old).await, Ok(Some(_))) {
            found.push(finding(
                Weight::Wrong("use a full node that keeps all blocks, and no light node"),
                format!(
                    "node {name} does not tell of block {old}: that a transaction was never \
                     included is proven by old blocks"
                ),
            ));
        }
        let kept = async {
            let mut number = solid;
            for _ in 0..BLOCKS_TRIED {
                let Some((_, transactions)) = member.node.solid_block(number).await? else {
                    return Ok(false);
                };
                if let Some(txid) = transactions.first() {
                    let receipt = member.node.receipt(As::Solid, &hex::encode(txid)).await?;
                    return Ok(receipt.is_some());
                }
                number = number.saturating_sub(1);
            }
            Ok::<_, Unreachable>(true)
        };
        if matches!(kept.await, Ok(false)) {
            found.push(finding(
                Weight::Wrong("use a full node with storage.transHistory.switch = on"),
                format!("node {name} keeps no receipts, or no old blocks: no payout would end"),
            ));
        }
        found
    }

    async fn examine_wallet(&self, member: &Member, lane: &Lane) -> Option<Finding> {
        let wallet = address::parse(&lane.address).ok()?;
        let name = member.name.as_str();
        let Ok(Some(account)) = member.node.account(As::Solid, &wallet).await else {
            return Some(finding(
                Weight::Wrong("send it some TRX, which payments are paid for with"),
                format!("node {name}: {} has no account yet", lane.id),
            ));
        };
        let Resources { staked_bytes, free_bytes, energy } =
            member.node.resources(&wallet).await.ok()?;
        let what = format!(
            "node {name}: {} has {}, {energy} energy, and bandwidth of {staked_bytes} bytes staked \
             and {free_bytes} free",
            lane.id,
            self.trx(account.balance_sun)
        );
        Some(finding(Weight::Good, what))
    }
}
