//! Transactions of simulated networks: a text.
//!
//! ```text
//! sim1
//! network=<network>
//! lane=<lane>
//! sequence=<number>, or coins=<number> <number> ...
//! fee_max=<units>
//! pay <asset> <units> <address> <memo in hexadecimal, or - if there is none>
//! ```
//!
//! One `pay` line for each payment, in the intent's order; each line ends with a line feed.

use std::fmt::Write;

use domain::{
    lane::Lane,
    ports::{Intent, Payment},
};

/// The format's name in [`domain::ports::UnsignedTx::format`].
pub const FORMAT: &str = "sim1";

/// Checks that a transaction is the text that the lane and the intent make.
///
/// # Errors
/// Says which line differs.
pub fn verify(payload: &[u8], lane: &Lane, intent: &Intent) -> Result<(), String> {
    let wanted = text(lane, intent)?;
    if payload == wanted.as_bytes() {
        return Ok(());
    }
    let found = String::from_utf8_lossy(payload);
    let mut lines = found.split('\n').zip(wanted.split('\n')).enumerate();
    let different = lines.find(|(_, (found, wanted))| found != wanted);
    Err(different.map_or_else(
        || "payload has lines too many or too few".to_owned(),
        |(at, (found, wanted))| {
            let number = at + 1;
            format!("line {number} is {found:?} in the transaction, {wanted:?} in the intent")
        },
    ))
}

fn text(lane: &Lane, intent: &Intent) -> Result<String, String> {
    let network = word("network", intent.network.id.as_str())?;
    let lane = word("lane", lane.id.as_str())?;
    let uses = match (intent.sequence, intent.spends.as_slice()) {
        (Some(sequence), []) => format!("sequence={sequence}"),
        (None, [_, ..]) => {
            let coins = intent.spends.iter().map(|it| word("coins", it.as_str()));
            format!("coins={}", coins.collect::<Result<Vec<_>, _>>()?.join(" "))
        }
        (None, []) => return Err("sequence: the intent names none, and no coins".to_owned()),
        (Some(_), [_, ..]) => return Err("spends: the intent has a sequence, too".to_owned()),
    };
    let fee_max = intent.fee_max.units();
    let mut text = format!("{FORMAT}\nnetwork={network}\nlane={lane}\n{uses}\nfee_max={fee_max}\n");
    for Payment { asset, destination, amount } in &intent.payments {
        let asset = word("asset", asset.id.as_str())?;
        let address = word("address", &destination.address)?;
        let memo = destination.memo.as_ref().map_or_else(|| "-".to_owned(), hex::encode);
        let units = amount.units();
        writeln!(text, "pay {asset} {units} {address} {memo}").expect("a string takes all");
    }
    Ok(text)
}

/// Refuses what would let two intents make one text.
fn word<'a>(field: &str, text: &'a str) -> Result<&'a str, String> {
    if text.is_empty() || text.chars().any(|it| it.is_whitespace() || it.is_control()) {
        return Err(format!("{field}: {text:?} is no single word"));
    }
    Ok(text)
}
