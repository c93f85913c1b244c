//! The gateway's addresses, as `OnchainPay` lists them: one for each coin on each network; and what
//! addresses look like.

use domain::{
    catalog::{Asset, Catalog, Network},
    command::Refusal,
    ids::AssetId,
    money::Amount,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Context, identity::uuid_named};

/// Characters of base58, as a part of a regular expression.
macro_rules! base58 {
    () => {
        "[1-9A-HJ-NP-Za-km-z]"
    };
}

/// What addresses of networks of one family look like, by network: each has version bytes of its
/// own, which are the first characters.
const FORMS: &[(&str, &str)] = &[
    ("bitcoin", concat!("^([13]", base58!(), "{25,34}|(bc1|BC1)[0-9A-Za-z]{11,87})$")),
    (
        "bitcoincash",
        concat!("^((bitcoincash:|BITCOINCASH:)?[0-9A-Za-z]{42}|[13]", base58!(), "{25,34})$"),
    ),
    ("dash", concat!("^[X7]", base58!(), "{25,34}$")),
    ("dogecoin", concat!("^[DA9]", base58!(), "{25,34}$")),
    ("litecoin", concat!("^([LM]", base58!(), "{25,34}|(ltc1|LTC1)[0-9A-Za-z]{11,87})$")),
];

/// What addresses of a family's networks look like.
const FAMILY_FORMS: &[(&str, &str)] = &[
    ("bitcoin", "^[0-9A-Za-z:]{25,100}$"),
    ("evm", "^0x[0-9a-fA-F]{40}$"),
    ("solana", concat!("^", base58!(), "{32,44}$")),
    ("ton", "^([0-9A-Za-z+/_-]{48}|(0|-1):[0-9a-fA-F]{64})$"),
    ("tron", concat!("^(T", base58!(), "{33}|41[0-9a-fA-F]{40})$")),
];

/// What memos look like, by family; the other families have none.
const MEMO_FORMS: &[(&str, &str)] = &[("ton", "^.{1,123}$")];

/// What an address looks like, as a regular expression that programs in any language understand.
/// Whether it is one is another question: see the address rules.
pub(super) fn form(network: &Network) -> &'static str {
    let own = FORMS.iter().find(|it| it.0 == network.id.as_str());
    let found = own.or_else(|| FAMILY_FORMS.iter().find(|it| it.0 == network.family));
    found.map_or("^.+$", |it| it.1)
}

/// What a memo looks like on a network that has them.
pub(super) fn memo_form(network: &Network) -> Option<&'static str> {
    MEMO_FORMS.iter().find(|it| it.0 == network.family).map(|it| it.1)
}

/// The identifier of the address that an asset lies on.
pub(super) fn id(asset: &Asset) -> String {
    uuid_named(&format!("address of {}", asset.id))
}

/// Finds the asset that lies on an address.
///
/// # Errors
/// If there is no such address.
pub(super) fn find<'a>(catalog: &'a Catalog, text: &str) -> Result<&'a Asset, Refusal> {
    let text = text.to_ascii_lowercase();
    let found = catalog.assets().find(|it| id(it) == text);
    let detail = "there is no such address".to_owned();
    found.ok_or(Refusal::InvalidField { field: "addressId", detail })
}

/// The gateway's own address on the network of an asset.
pub(super) fn wallet<'a>(context: &Context<'a>, asset: &Asset) -> Option<&'a str> {
    context.wallets.iter().find(|it| it.0 == asset.network).map(|it| it.1.as_str())
}

/// An address, and what its merchant has of the coin there.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddressBody<'a> {
    id: String,
    advanced_balance_id: String,
    currency: &'a str,
    network: &'a str,
    address: &'a str,
    tag: Option<()>,
    balance: String,
    alias: &'a str,
    comment: Option<()>,
}

/// Lists the addresses of all coins that are paid, with these balances.
pub(super) fn list<'a>(
    advanced_balance: &str,
    available: &[(AssetId, Amount)],
    context: &Context<'a>,
) -> Vec<AddressBody<'a>> {
    let row = |asset: &'a Asset| {
        let held = available.iter().find(|it| it.0 == asset.id).map(|it| it.1);
        Some(AddressBody {
            id: id(asset),
            advanced_balance_id: advanced_balance.to_owned(),
            currency: &asset.ticker,
            network: asset.network.as_str(),
            address: wallet(context, asset)?,
            tag: None,
            balance: asset.text(held.unwrap_or_default()),
            alias: &asset.title,
            comment: None,
        })
    };
    let paid = context.catalog.assets().filter(|it| context.book.terms.contains_key(&it.id));
    paid.filter_map(row).collect()
}
