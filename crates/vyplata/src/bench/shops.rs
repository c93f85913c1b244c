//! The merchants of a bench: their names, credentials and money, and what they ask for.

use anyhow::{Context as _, anyhow};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::ValueEnum;
use domain::{
    ids::{KeyId, MerchantId},
    ledger::{LedgerAccount, fund},
    merchant::Merchant,
    money::Amount,
    ports::{ChangeSet, Unreachable},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use signer::Vault;

use super::load::Source;
use crate::{app::App, cli, clock};

/// The network that is paid on.
pub(crate) const NETWORK: &str = "tron";
/// The asset that is paid.
pub(crate) const ASSET: &str = "USDT@tron";
/// Where it is paid to.
pub(crate) const ADDRESS: &str = "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm";
/// What the names of these merchants begin with: a store with others is not measured.
const NAME: &str = "bench-";
/// How many whole coins of each asset each merchant, and the house, has: a payout costs some 25.
pub(crate) const COINS: u128 = 1_000_000_000_000;

/// The API that payouts are asked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Speech {
    /// `OnchainPay`'s: each request is signed with HMAC-SHA256 and uses up a nonce.
    Onchainpay,
    /// `Cryptomus`'s: each request is signed with MD5 and names an order.
    Cryptomus,
    /// Our own: a bearer token proves each request, and no signature.
    Native,
}

impl Speech {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Onchainpay => "onchainpay",
            Self::Cryptomus => "cryptomus",
            Self::Native => "native",
        }
    }

    /// How the answer to a request begins that was accepted: its HTTP status and its body.
    pub(crate) fn accepted(self) -> (u16, &'static [u8]) {
        match self {
            Self::Onchainpay => (200, br#"{"success":true"#),
            Self::Cryptomus => (200, br#"{"state":0"#),
            Self::Native => (201, br#"{"id":"po_"#),
        }
    }
}

/// A merchant's credential. It is worth nothing: it follows from the name of the run.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    name: String,
    public: String,
    /// The secret part.
    pub(crate) secret: String,
}

/// The merchants of a run.
pub(crate) fn all(run: &str, count: usize) -> Vec<Shop> {
    let shop = |number| Shop {
        name: format!("{NAME}{run}-{number}"),
        public: format!("public-{run}-{number}"),
        secret: hex::encode(Sha256::digest(format!("secret-{run}-{number}"))),
    };
    (0..count).map(shop).collect()
}

/// Makes the merchants of a run, with credentials and money, unless an earlier process of the run has;
/// says who they are.
///
/// # Errors
/// If the store has merchants of somebody else, or does not take them.
pub(crate) async fn open(
    app: &App,
    vault: &Vault,
    speech: Speech,
    shops: &[Shop],
) -> anyhow::Result<Vec<(MerchantId, KeyId)>> {
    let there = app.store.merchants().await;
    let there = there.map_err(|Unreachable| anyhow!("the store does not answer"))?;
    if let Some(other) = there.iter().find(|it| !it.name.starts_with(NAME)) {
        anyhow::bail!("this store is not for measuring: it has the merchant {:?}", other.name);
    }
    if let Some(found) = find(app, shops, &there).await? {
        return Ok(found);
    }
    let dialect = dialects::dialect(speech.name()).context("the dialect is built in")?;
    let mut change = ChangeSet::default();
    let mut made = vec![];
    for shop in shops {
        let public = if speech == Speech::Native { "" } else { &shop.public };
        let new = dialect.adopt_key("payout", public, &shop.secret).context("the role exists")?;
        let merchant = cli::new_merchant(&shop.name, None);
        let key = cli::api_key(vault, merchant.id, dialect, &new, false);
        give(app, &LedgerAccount::Available(merchant.id), &mut change)?;
        made.push((merchant.id, key.id));
        change.keys.push(key);
        change.merchants.push(merchant);
    }
    give(app, &LedgerAccount::Inventory, &mut change)?;
    let stored = app.store.commit(change).await;
    stored.map_err(|error| anyhow!("the merchants could not be stored: {error:?}"))?;
    Ok(made)
}

/// The merchants of a run, if they are there.
async fn find(
    app: &App,
    shops: &[Shop],
    there: &[Merchant],
) -> anyhow::Result<Option<Vec<(MerchantId, KeyId)>>> {
    let mut found = vec![];
    for shop in shops {
        let Some(merchant) = there.iter().find(|it| it.name == shop.name) else { return Ok(None) };
        let keys = app.store.keys_of(merchant.id).await;
        let keys = keys.map_err(|Unreachable| anyhow!("the store does not answer"))?;
        let key = keys.first().context("a merchant of a bench has a credential")?;
        found.push((merchant.id, key.id));
    }
    Ok(Some(found))
}

/// Books simulated coins of every asset that lanes can hold, in equal parts to each lane of a network.
fn give(app: &App, owner: &LedgerAccount, change: &mut ChangeSet) -> anyhow::Result<()> {
    let now = clock::now();
    for asset in app.catalog.assets() {
        let lanes: Vec<_> = app.lanes.iter().filter(|it| it.network == asset.network).collect();
        if lanes.is_empty() {
            continue;
        }
        let whole = 10u128.checked_pow(u32::from(asset.decimals));
        let units = whole.and_then(|it| it.checked_mul(COINS)).and_then(Amount::from_units);
        let amount = units.ok_or_else(|| anyhow!("{} has too many decimals", asset.id))?;
        for (work, part) in lanes.iter().zip(amount.shares(lanes.len())) {
            let note = "fund: simulated coins of a bench".to_owned();
            change.postings.extend(fund(&work.lane, &asset.id, owner.clone(), part, note, now));
        }
    }
    Ok(())
}

/// Writes requests for payouts, each of them new, signed, and as bytes that can be sent.
pub(crate) struct Writer {
    speech: Speech,
    shops: Vec<(Shop, Hmac<Sha256>)>,
    series: String,
    written: usize,
}

impl Writer {
    /// Requests of `shops` whose references begin with `series`, which nobody else uses.
    ///
    /// # Panics
    /// Never: an HMAC takes keys of any length.
    pub(crate) fn new(speech: Speech, shops: &[Shop], series: String) -> Self {
        let keyed = |it: &Shop| {
            let mac = Hmac::new_from_slice(it.secret.as_bytes());
            (it.clone(), mac.expect("HMAC takes keys of any length"))
        };
        Self { speech, shops: shops.iter().map(keyed).collect(), series, written: 0 }
    }
}

impl Source for Writer {
    fn write(&mut self, into: &mut Vec<u8>) {
        let number = self.written;
        self.written += 1;
        let (shop, mac) = &self.shops[number % self.shops.len()];
        let series = &self.series;
        let (path, proof, body) = match self.speech {
            Speech::Onchainpay => {
                let body = format!(
                    r#"{{"address":"{ADDRESS}","currency":"USDT","network":"tron","amountTo":"25","feeInAmount":true,"nonce":"{series}-{number}"}}"#
                );
                let mut mac = mac.clone();
                mac.update(body.as_bytes());
                let sign = hex::encode(mac.finalize().into_bytes());
                let proof = format!("x-api-public-key: {}\r\nx-api-signature: {sign}", shop.public);
                ("/api-gateway/auto-withdrawals/create", proof, body)
            }
            Speech::Cryptomus => {
                let body = format!(
                    r#"{{"amount":"25","currency":"USDT","network":"TRON","order_id":"{series}-{number}","address":"{ADDRESS}","is_subtract":"1"}}"#
                );
                let mut hash = Md5::new();
                hash.update(BASE64_STANDARD.encode(&body));
                hash.update(&shop.secret);
                let sign = hex::encode(hash.finalize());
                ("/v1/payout", format!("merchant: {}\r\nsign: {sign}", shop.public), body)
            }
            Speech::Native => {
                let body = format!(
                    r#"{{"asset":"USDT","network":"tron","amount":"25","address":"{ADDRESS}","merchant_ref":"{series}-{number}"}}"#
                );
                ("/vyplata/v1/payouts", format!("authorization: Bearer {}", shop.secret), body)
            }
        };
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             {proof}\r\ncontent-length: {length}\r\n\r\n"
        );
        into.extend_from_slice(head.as_bytes());
        into.extend_from_slice(body.as_bytes());
    }
}
