//! The sandbox's demo merchant: fixed, documented credentials and a funded balance.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context as _, anyhow};
use dialects::Dialect;
use domain::{
    catalog::{Asset, Catalog},
    ids::{AssetId, LaneId},
    ledger::{LedgerAccount, fund},
    merchant::{ApiKey, Merchant},
    money::Amount,
    ports::{ChangeSet, CommitError, Unreachable},
    quote::{ConversionTerms, MerchantTerms},
};
use signer::Vault;

use crate::{app::App, cli, clock, prices::Pricing};

/// The name of the demo merchant.
const NAME: &str = "demo";
/// How many whole coins of every asset it has.
const COINS: u128 = 1_000_000;

/// The demo merchant's bearer token of the native API.
pub(crate) const NATIVE_TOKEN: &str = "sandbox-native-token";
/// Its `CryptoCloud` API key.
pub(crate) const CRYPTOCLOUD_KEY: &str = "cc-withdraw-key";
/// Its `Cryptomus` merchant number.
pub(crate) const CRYPTOMUS_MERCHANT: &str = "8b03432e-385b-4670-8d06-064591096795";
/// Its `Cryptomus` payment key.
pub(crate) const CRYPTOMUS_PAYMENT_KEY: &str = "payment-key-1";
/// Its `Cryptomus` payout key.
pub(crate) const CRYPTOMUS_PAYOUT_KEY: &str = "payout-key-1";
/// Its `OnchainPay` public key.
pub(crate) const ONCHAINPAY_PUBLIC: &str = "pub==";
/// Its `OnchainPay` private key.
pub(crate) const ONCHAINPAY_PRIVATE: &str = "priv==";

/// Its `Heleket` merchant number.
const HELEKET_MERCHANT: &str = "7a02b1c4-0f5e-4d3c-9a2b-1e5f7c8d9a01";

/// Fixed prices in US dollars, by ticker; coins that are not listed cost one dollar.
const USD_RATES: &[(&str, &str)] = &[
    ("AVAX", "20"),
    ("BCH", "400"),
    ("BNB", "600"),
    ("BTC", "60000"),
    ("DASH", "30"),
    ("DOGE", "0.1"),
    ("ETH", "3000"),
    ("LTC", "80"),
    ("PEPE", "0.00001"),
    ("POL", "0.4"),
    ("SHIB", "0.00002"),
    ("SOL", "150"),
    ("TON", "5"),
    ("TRX", "0.2"),
    ("XAUT", "2500"),
];

/// What a whole coin costs in the sandbox, in US dollars.
pub(crate) fn usd_rate(asset: &Asset) -> &'static str {
    let listed = USD_RATES.iter().find(|it| it.0 == asset.ticker);
    listed.map_or("1", |it| it.1)
}

const CREDENTIALS: &[(&str, &str, &str, &str)] = &[
    ("native", "payout", "", NATIVE_TOKEN),
    ("cryptocloud", "payout", "", CRYPTOCLOUD_KEY),
    ("cryptomus", "payout", CRYPTOMUS_MERCHANT, CRYPTOMUS_PAYOUT_KEY),
    ("cryptomus", "payment", CRYPTOMUS_MERCHANT, CRYPTOMUS_PAYMENT_KEY),
    ("heleket", "payout", HELEKET_MERCHANT, "heleket-payout-key-1"),
    ("heleket", "payment", HELEKET_MERCHANT, "heleket-payment-key-1"),
    ("onchainpay", "payout", ONCHAINPAY_PUBLIC, ONCHAINPAY_PRIVATE),
    ("apollo", "payout", "apollo-pub==", "apollo-priv=="),
];

/// Agrees with the demo merchant that its USDT is sold for what its requests name.
pub(crate) fn agree(pricing: &mut Pricing, catalog: &Catalog) {
    let conversion = ConversionTerms {
        spread_parts_per_million: 0,
        insurance_parts_per_million: 10_000,
        sells: catalog.assets().map(|it| it.id.clone()).collect(),
        at_par: BTreeSet::new(),
        overdrafts: BTreeMap::new(),
        quote_ms: 30_000,
    };
    let sources = ["USDT@bsc", "USDT@tron", "USDT@ethereum"].map(AssetId::new).to_vec();
    pricing.agree(conversion, NAME, MerchantTerms { sources, ..MerchantTerms::default() });
}

/// Makes the demo merchant, or points the one from an earlier run to this run's receiver.
///
/// # Errors
/// If the store does not take it.
pub(crate) async fn prepare(
    app: &Arc<App>,
    vault: &Vault,
    webhook_url: &str,
) -> anyhow::Result<()> {
    let merchants = app.store.merchants().await.map_err(|Unreachable| silent())?;
    let mut change = ChangeSet::default();
    let merchant = match merchants.into_iter().find(|it| it.name == NAME) {
        Some(mut merchant) => {
            merchant.webhook_url = Some(webhook_url.to_owned());
            merchant.version += 1;
            merchant
        }
        None => {
            let merchant = cli::new_merchant(NAME, Some(webhook_url.to_owned()));
            fill(app, &merchant, &mut change)?;
            merchant
        }
    };
    let there = app.store.keys_of(merchant.id).await.map_err(|Unreachable| silent())?;
    for (name, role, public, secret) in CREDENTIALS {
        let dialect: &dyn Dialect = dialects::dialect(name).context("the dialect is built in")?;
        let new = dialect.adopt_key(role, public, secret).context("the role exists")?;
        let key = cli::api_key(vault, merchant.id, dialect, &new, true);
        let is_it = |it: &ApiKey| {
            (&it.dialect, &it.role, &it.lookup) == (&key.dialect, &key.role, &key.lookup)
        };
        if !there.iter().any(is_it) {
            change.keys.push(key);
        }
    }
    change.merchants.push(merchant);
    app.store.commit(change).await.map_err(not_taken)
}

/// Books the simulated coins of every wallet: most to the merchant, some to the house.
fn fill(app: &App, merchant: &Merchant, change: &mut ChangeSet) -> anyhow::Result<()> {
    let now = clock::now();
    for asset in app.catalog.assets() {
        let lane = app.lanes.iter().find(|it| it.network == asset.network);
        let lane: &LaneId = &lane.context("every network of the sandbox has a lane")?.lane;
        let whole = 10u128.checked_pow(u32::from(asset.decimals));
        let units = whole.and_then(|it| it.checked_mul(COINS)).and_then(Amount::from_units);
        let amount = units.ok_or_else(|| anyhow!("{} has too many decimals", asset.id))?;
        let note = || "fund: simulated coins of the sandbox".to_owned();
        for owner in [LedgerAccount::Available(merchant.id), LedgerAccount::Inventory] {
            change.postings.extend(fund(lane, &asset.id, owner, amount, note(), now));
        }
    }
    Ok(())
}

fn silent() -> anyhow::Error {
    anyhow!("the store does not answer")
}

fn not_taken(error: CommitError) -> anyhow::Error {
    anyhow!("the demo merchant could not be stored: {error:?}")
}
