//! Having the node's wallet keep account of a script.
//!
//! How far that is stands in the wallet itself, as the label of the script's address, so that it
//! outlives the gateway and the node, and is gone with the wallet:
//!
//! 1. No label: the script is imported, from the newest block on. Blocks that come are accounted for
//!    from here. The node then looks through all coins there are (`scantxoutset`) for the oldest one
//!    of the script.
//! 2. `rescan from N`: blocks from there on are read again, some at a time, and N grows.
//! 3. `followed`: done.
//!
//! Every step may be taken twice.

use bitcoin::ScriptBuf;
use domain::ports::Unreachable;
use net::RpcError;
use serde_json::{Value, json};

use super::{
    Core, Spelling,
    rpc::{lost, odd, read},
    shapes::{AddressInfo, Imported, Info, Scan, WalletInfo},
};

/// The label of a script that all is known of.
const FOLLOWED: &str = "followed";

/// The label of a script that blocks have to be read again for.
const RESCAN: &str = "rescan from ";

/// How many blocks are read again in one call.
const STRETCH_BLOCKS: u32 = 2_000;

/// How many such calls are made until others have their turn.
const STRETCHES_MAX: u32 = 50;

/// How many of the newest blocks are read again even if they made no coin that is left: a week of
/// Bitcoin, so that what moved before it was final is known.
const RECENT_BLOCKS: u32 = 1_008;

/// How far a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing was done, or it is not known what.
    Unknown,
    /// Blocks from this height on have to be read again.
    Rescan(u32),
    /// All is known.
    Followed,
}

fn progress(label: Option<&str>) -> Progress {
    match label {
        Some(FOLLOWED) => Progress::Followed,
        Some(label) => {
            let height = label.strip_prefix(RESCAN).and_then(|height| height.parse().ok());
            height.map_or(Progress::Unknown, Progress::Rescan)
        }
        None => Progress::Unknown,
    }
}

/// Says whether all is known of the script whose address this answer is about.
pub(super) fn check_followed(told: Option<Result<Value, RpcError>>) -> Result<(), Unreachable> {
    let info: AddressInfo = read("getaddressinfo", told)?;
    if progress(info.label()) == Progress::Followed {
        return Ok(());
    }
    tracing::warn!("the node's wallet does not know everything of the script yet");
    Err(Unreachable)
}

/// The height from which blocks are read again, for a node with blocks from `lowest` on; the error
/// is the height of a coin whose block the node does not have any more.
fn birth(oldest: Option<u32>, newest: u32, lowest: u32) -> Result<u32, u32> {
    match oldest {
        Some(oldest) if oldest < lowest => Err(oldest),
        oldest => {
            let recent = newest.saturating_sub(RECENT_BLOCKS);
            Ok(oldest.unwrap_or(newest).min(recent).max(lowest))
        }
    }
}

impl Core {
    pub(super) async fn keep_account(&self, script: &ScriptBuf) -> Result<(), Unreachable> {
        let is_legacy = self.open(true).await?;
        let spelling = self.spelling(script).await?;
        let info = self.address_info(&spelling).await?;
        if progress(info.label()) == Progress::Followed {
            return Ok(());
        }
        self.check_idle().await?;
        let from = match progress(info.label()) {
            Progress::Rescan(from) => from,
            Progress::Unknown | Progress::Followed => {
                if !info.is_kept() {
                    self.import(script, &spelling, is_legacy).await?;
                }
                let from = self.birth_of(&spelling).await?;
                self.label(&spelling, &format!("{RESCAN}{from}")).await?;
                from
            }
        };
        self.rescan(&spelling, from).await
    }

    async fn address_info(&self, spelling: &Spelling) -> Result<AddressInfo, Unreachable> {
        let method = "getaddressinfo";
        let told = self.ask(&[(method, json!([spelling.address]))]).await?;
        read(method, told.into_iter().next())
    }

    /// Says so if the wallet reads blocks again, for us or for somebody else.
    async fn check_idle(&self) -> Result<(), Unreachable> {
        let method = "getwalletinfo";
        let told = self.ask(&[(method, json!([]))]).await?;
        let info: WalletInfo = read(method, told.into_iter().next())?;
        if info.scanning == Value::Bool(false) {
            return Ok(());
        }
        tracing::info!(scanning = %info.scanning, "the node's wallet reads blocks again");
        Err(Unreachable)
    }

    async fn import(
        &self,
        script: &ScriptBuf,
        spelling: &Spelling,
        is_legacy: bool,
    ) -> Result<(), Unreachable> {
        let (method, params) = if is_legacy {
            let script = script.to_hex_string();
            let request = json!({"scriptPubKey": script, "timestamp": "now", "watchonly": true});
            ("importmulti", json!([[request], {"rescan": false}]))
        } else {
            let request = json!({"desc": spelling.descriptor, "timestamp": "now"});
            ("importdescriptors", json!([[request]]))
        };
        let told = self.links.patient_wallet.call::<Vec<Imported>>(method, params).await;
        let told = told.map_err(|error| lost(method, &error))?;
        if told.len() == 1 && told.iter().all(|it| it.success) {
            return Ok(());
        }
        Err(odd(method))
    }

    /// The height from which blocks have to be read again for a script.
    async fn birth_of(&self, spelling: &Spelling) -> Result<u32, Unreachable> {
        let method = "scantxoutset";
        let params = json!(["start", [spelling.descriptor]]);
        let scan = self.links.patient_node.call::<Scan>(method, params).await;
        let scan = scan.map_err(|error| lost(method, &error))?;
        let oldest = scan.unspents.iter().map(|it| it.height).min();
        if !scan.success || oldest.is_some_and(|it| it > scan.height) {
            return Err(odd(method));
        }
        let Info { lowest, .. } = self.info().await?;
        birth(oldest, scan.height, lowest.unwrap_or(0)).map_err(|height| {
            let address = &spelling.address;
            tracing::error!(
                address,
                height,
                "the wallet has a coin of a block that the node has pruned: let a node that has it \
                 follow the wallet first",
            );
            Unreachable
        })
    }

    async fn label(&self, spelling: &Spelling, label: &str) -> Result<(), Unreachable> {
        let method = "setlabel";
        let told = self.ask(&[(method, json!([spelling.address, label]))]).await?;
        read::<Value>(method, told.into_iter().next()).map(drop)
    }

    /// Reads blocks again until the newest, or until it is time for others.
    async fn rescan(&self, spelling: &Spelling, from: u32) -> Result<(), Unreachable> {
        let method = "rescanblockchain";
        let mut next = from;
        for _ in 0..STRETCHES_MAX {
            let newest = self.info().await?.blocks;
            if next > newest {
                return self.label(spelling, FOLLOWED).await;
            }
            let last = next.saturating_add(STRETCH_BLOCKS - 1).min(newest);
            let told = self.links.patient_wallet.call::<Value>(method, json!([next, last])).await;
            told.map_err(|error| lost(method, &error))?;
            next = last.saturating_add(1);
            self.label(spelling, &format!("{RESCAN}{next}")).await?;
        }
        let address = &spelling.address;
        tracing::info!(address, next, "the node reads old blocks again for a wallet");
        Err(Unreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_from_the_oldest_coin_on_and_never_only_the_newest() {
        assert_eq!(birth(Some(100), 900_000, 0), Ok(100));
        assert_eq!(birth(Some(899_999), 900_000, 0), Ok(898_992));
        assert_eq!(birth(None, 900_000, 0), Ok(898_992));
        assert_eq!(birth(None, 500, 0), Ok(0));
        assert_eq!(birth(None, 900_000, 899_700), Ok(899_700));
        assert_eq!(birth(Some(899_800), 900_000, 899_700), Ok(899_700));
        assert_eq!(birth(Some(899_699), 900_000, 899_700), Err(899_699));
    }

    #[test]
    fn only_our_own_labels_are_believed() {
        assert_eq!(progress(Some("followed")), Progress::Followed);
        assert_eq!(progress(Some("rescan from 812345")), Progress::Rescan(812_345));
        for other in ["", "followed ", "rescan from ", "rescan from -1", "rescan from 4294967296"] {
            assert_eq!(progress(Some(other)), Progress::Unknown, "{other}");
        }
        assert_eq!(progress(None), Progress::Unknown);
    }
}
