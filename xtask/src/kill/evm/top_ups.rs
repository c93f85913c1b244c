//! What one wallet brought another, by what the chain says.

use anyhow::Result;
use serde_json::json;

use super::{
    audit::Seen,
    coins,
    funds::Wallets,
    node::{Node, quantity},
    setup::{BELOW_WEI, UP_TO_WEI},
};

/// How much was brought in all, in wei.
pub(crate) fn sum(wallets: &Wallets, seen: &Seen) -> u128 {
    brought(wallets, seen).map(|(_, wei)| wei).sum()
}

/// Says what is wrong: a shortage that was answered twice leaves the wallet with much more than it is
/// to have, and within the day of the test there is a limit.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn complaints(
    node: &Node,
    wallets: &Wallets,
    seen: &Seen,
    daily_max: u128,
) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    if wallets.station.is_none() {
        return Ok(complaints);
    }
    for (block, wei) in brought(wallets, seen) {
        let at = format!("{block:#x}");
        let has = quantity(&node.call("eth_getBalance", &json!([wallets.hot, at]))?)?;
        // A scene may have given it coins for somebody else's fees, but not nearly so many.
        if has > UP_TO_WEI + BELOW_WEI {
            let (wei, has) = (coins(wei), coins(has));
            complaints
                .push(format!("{wei} were brought in block {block}, so that there are {has}"));
        }
    }
    let (count, sum) = (brought(wallets, seen).count(), sum(wallets, seen));
    println!("top-ups: {count}, {} in all", coins(sum));
    if sum > daily_max {
        complaints.push(format!("{} were brought within a day", coins(sum)));
    }
    let between = |it: &&(u128, String, String, u128)| Some(&it.1) != wallets.station.as_ref();
    if let Some(other) = seen.transfers.iter().find(between) {
        complaints.push(format!("a transfer that nobody asked for: {other:?}"));
    }
    Ok(complaints)
}

/// The blocks and amounts of what was brought.
fn brought<'a>(wallets: &Wallets, seen: &'a Seen) -> impl Iterator<Item = (u128, u128)> + 'a {
    let station = wallets.station.clone();
    let is_it = move |it: &&(u128, String, String, u128)| Some(&it.1) == station.as_ref();
    seen.transfers.iter().filter(is_it).map(|it| (it.0, it.3))
}
