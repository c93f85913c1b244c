//! Tokens: whether they are what the catalog says, and whom they pay.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use domain::{
    catalog::Asset,
    ids::AssetId,
    money::Amount,
    ports::{BuildError, Hold, HoldReason, Unreachable},
};

use crate::{
    abi,
    address::{Address, spelled},
    node::{As, Call, Node},
};

/// What is known of tokens.
#[derive(Default)]
pub(crate) struct Tokens {
    checked: Mutex<BTreeSet<AssetId>>,
    /// Those that paid otherwise than they were asked to, and by which transaction.
    odd: Mutex<BTreeMap<Address, String>>,
}

impl Tokens {
    /// Asks a token for itself, if that was not done yet.
    ///
    /// # Errors
    /// [`BuildError::Hold`] if it is not what the catalog says, or paid otherwise than it was asked.
    pub(crate) async fn check(
        &self,
        node: &Node,
        asset: &Asset,
        token: &Address,
    ) -> Result<(), BuildError> {
        let odd = self.odd.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        if let Some(txid) = odd {
            return Err(stopped(format!(
                "{} paid another amount than it was asked to, or had another contract pay, by {txid}: \
                 look whether it takes a fee of what it moves, or has a successor, which the catalog \
                 must name; then start again",
                asset.id
            )));
        }
        if self.checked.lock().unwrap_or_else(PoisonError::into_inner).contains(&asset.id) {
            return Ok(());
        }
        let ask = async |selector: [u8; 4]| -> Result<Option<Vec<u8>>, BuildError> {
            match node.call(As::Newest, token, token, &selector).await? {
                Call::Done { output, .. } => Ok(Some(output)),
                Call::Undone(_) => Ok(None),
                Call::Failed(_) => Err(BuildError::Unreachable),
            }
        };
        let decimals = ask(abi::DECIMALS).await?.and_then(|it| abi::amount(&it));
        let differs = |field: &str, found: String, wanted: &str| {
            stopped(format!(
                "{}: {field} of {} is {found}, and {wanted} in the catalog: name the right \
                 contract, or correct the row",
                asset.id,
                spelled(token)
            ))
        };
        if decimals.map(Amount::units) != Some(asset.decimals.into()) {
            let found = decimals.map_or("missing".to_owned(), |it| it.units().to_string());
            return Err(differs("decimals()", found, &asset.decimals.to_string()));
        }
        let symbol = ask(abi::SYMBOL).await?.and_then(|it| abi::text(&it));
        let is_known = |it: &String| *it == asset.ticker || asset.symbols.contains(it);
        if !symbol.as_ref().is_some_and(is_known) {
            let found = symbol.map_or("missing".to_owned(), |it| format!("{it:?}"));
            return Err(differs("symbol()", found, &asset.ticker));
        }
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).insert(asset.id.clone());
        Ok(())
    }

    /// Takes down that a token paid otherwise than it was asked to: nothing more is paid in it.
    pub(crate) fn paid_otherwise(&self, token: &Address, txid: &str) {
        let mut odd = self.odd.lock().unwrap_or_else(PoisonError::into_inner);
        if odd.insert(*token, txid.to_owned()).is_none() {
            let token = spelled(token);
            tracing::error!(token, txid, "a token paid another amount than it was asked to");
        }
    }
}

/// Why a token's payment would be undone: for now, or for ever.
pub(crate) async fn explain(
    node: &Node,
    asset: &Asset,
    token: &Address,
    owner: &Address,
    why: &str,
) -> BuildError {
    let ask = async |data: &[u8]| match node.call(As::Newest, owner, token, data).await {
        Ok(Call::Done { output, .. }) => Ok(abi::flag(&output)),
        Ok(Call::Undone(_) | Call::Failed(_)) => Ok(None),
        Err(Unreachable) => Err(BuildError::Unreachable),
    };
    match ask(&abi::PAUSED).await {
        Ok(Some(true)) => return stopped(format!("{} is paused by its issuer", asset.id)),
        Ok(Some(false) | None) => {}
        Err(error) => return error,
    }
    match is_blacklisted(node, token, owner, owner).await {
        Ok(true) => stopped(format!("{} has the wallet on its blacklist", asset.id)),
        Ok(false) => BuildError::Refused(format!("{} would undo the payment: {why}", asset.id)),
        Err(Unreachable) => BuildError::Unreachable,
    }
}

/// Whether a token has somebody on its blacklist, if it has one.
pub(crate) async fn is_blacklisted(
    node: &Node,
    token: &Address,
    owner: &Address,
    account: &Address,
) -> Result<bool, Unreachable> {
    for data in abi::is_blacklisted(account) {
        if let Call::Done { output, .. } = node.call(As::Newest, owner, token, &data).await?
            && let Some(answer) = abi::flag(&output)
        {
            return Ok(answer);
        }
    }
    Ok(false)
}

fn stopped(detail: String) -> BuildError {
    BuildError::Hold(Hold { reason: HoldReason::AssetStopped, detail })
}
