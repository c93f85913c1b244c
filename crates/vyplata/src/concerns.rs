//! What an operator should know at this moment: prices that are missing, how much the house has left
//! to sell, and networks whose nodes disagree.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use domain::{
    Timestamp,
    catalog::Catalog,
    ledger::LedgerAccount,
    ports::{Store, Unreachable},
    quote::PriceBook,
};

use crate::{
    app::{App, LaneWork},
    explain::signed,
};

/// From how many hundredths of an overdraft on it is nearly used.
const NEARLY_PERCENT: u128 = 80;

/// Something that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Concern {
    /// Whether payouts are refused because of it, or soon will be.
    pub(crate) urgent: bool,
    /// What is the matter.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) remedy: &'static str,
}

/// Looks at prices and inventory.
///
/// # Errors
/// If the store did not answer.
pub(crate) async fn look(
    app: &App,
    book: &PriceBook,
    now: Timestamp,
) -> Result<Vec<Concern>, Unreachable> {
    let mut concerns = inventory(&app.catalog, &*app.store, book).await?;
    concerns.extend(prices(app, book, now));
    Ok(concerns)
}

/// Looks at prices only, which asks nobody.
pub(crate) fn prices(app: &App, book: &PriceBook, now: Timestamp) -> Vec<Concern> {
    let unpriced = unpriced(&app.catalog, book, now);
    let is_asked = !app.settings.more_than_usd.is_zero();
    let too_little = is_asked.then(|| too_little(&app.catalog, book, now)).flatten();
    unpriced.into_iter().chain(too_little).collect()
}

/// Looks at what rails know of their networks already, which asks nobody.
pub(crate) fn networks(app: &App) -> Vec<Concern> {
    let alerts: BTreeSet<String> = app.lanes.iter().filter_map(|it| it.rail.alert()).collect();
    let concern = |what| Concern {
        urgent: true,
        what,
        remedy: "compare rpc of the [[network]] with a block explorer, and take out what is wrong; \
                 nothing of it ends before",
    };
    alerts.into_iter().map(concern).collect()
}

/// Looks at lanes whose loop the code failed in.
pub(crate) fn lanes(lanes: &[LaneWork]) -> Vec<Concern> {
    let failed = lanes.iter().filter(|it| it.failed.load(Ordering::Relaxed));
    let concern = |it: &LaneWork| Concern {
        urgent: true,
        what: format!("nothing is paid from {}: its loop failed, which is a bug", it.lane),
        remedy: "report it with the log, and start the gateway again",
    };
    failed.map(concern).collect()
}

/// What the house has less of than nothing.
async fn inventory(
    catalog: &Catalog,
    store: &dyn Store,
    book: &PriceBook,
) -> Result<Vec<Concern>, Unreachable> {
    let mut concerns = vec![];
    for it in store.balances().await? {
        if it.account != LedgerAccount::Inventory || it.units >= 0 {
            continue;
        }
        let decimals = catalog.asset(it.asset.as_str()).map_or(0, |asset| asset.decimals);
        let overdraft = book.conversion.overdrafts.get(&it.asset).copied().unwrap_or_default();
        let (below, allowed) = (it.units.unsigned_abs(), overdraft.units());
        let most = allowed.saturating_mul(NEARLY_PERCENT) / 100;
        concerns.push(Concern {
            urgent: below >= most,
            what: format!(
                "the house's inventory of {} is {}; its overdraft is {}{}",
                it.asset,
                signed(it.units, decimals),
                overdraft.to_text(decimals),
                if below >= most { ", nearly used or more" } else { "" }
            ),
            remedy: "buy some, bring it to a wallet, and book it with `vyplata fund --house`",
        });
    }
    Ok(concerns)
}

/// What is bought or sold and has no price.
fn unpriced(catalog: &Catalog, book: &PriceBook, now: Timestamp) -> Option<Concern> {
    let terms = book.merchants.values().chain([&book.everybody]);
    let sold = terms.flat_map(|it| &it.sources).chain(&book.conversion.sells);
    let tickers = without_price(catalog, book, sold, now);
    let is_any = !book.conversion.sells.is_empty() && !tickers.is_empty();
    is_any.then(|| Concern {
        urgent: true,
        what: format!("there is no price of {}, so it is not exchanged", tickers.join(", ")),
        remedy: "use rate sources that have one, or set it in [rates]; `vyplata rates` shows all",
    })
}

/// What is paid, has no price, and so cannot be shown to be worth enough.
fn too_little(catalog: &Catalog, book: &PriceBook, now: Timestamp) -> Option<Concern> {
    let tickers = without_price(catalog, book, book.terms.keys(), now);
    (!tickers.is_empty()).then(|| Concern {
        urgent: false,
        what: format!(
            "dialects.onchainpay.more_than_usd is not 0, and there is no price of {}: requests for \
             it in the APIs of OnchainPay and Apollo are refused",
            tickers.join(", ")
        ),
        remedy: "use rate sources that have one, set it in [rates], or set more_than_usd = \"0\"",
    })
}

fn without_price<'a>(
    catalog: &Catalog,
    book: &PriceBook,
    assets: impl Iterator<Item = &'a domain::ids::AssetId>,
    now: Timestamp,
) -> Vec<String> {
    let tickers = assets.filter_map(|it| catalog.asset(it.as_str())).map(|it| it.ticker.clone());
    let tickers: BTreeSet<String> = tickers.collect();
    tickers.into_iter().filter(|it| book.rates.price(it, None, now).is_err()).collect()
}
