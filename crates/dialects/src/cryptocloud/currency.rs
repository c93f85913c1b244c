//! How `CryptoCloud` describes a currency: in three ways that differ in the names of their parts.

use domain::catalog::{Asset, Catalog};
use schemars::JsonSchema;
use serde::Serialize;

use super::assets::{self, Naming};

/// The currency of an invoice: `code` is the ticker.
#[derive(Serialize, JsonSchema)]
pub(super) struct Currency {
    id: u32,
    code: String,
    fullcode: String,
    network: Network,
    name: String,
    is_email_required: bool,
    stablecoin: bool,
    icon_base: &'static str,
    icon_network: &'static str,
    icon_qr: &'static str,
    order: u32,
}

/// A currency that an invoice could be paid in.
#[derive(Serialize, JsonSchema)]
pub(super) struct ListedCurrency {
    code: String,
    fullcode: String,
    name: String,
    is_email_required: bool,
    stablecoin: bool,
    icon_base: &'static str,
    icon_qr: &'static str,
    order: u32,
    network: [Network; 1],
}

#[derive(Clone, Serialize, JsonSchema)]
struct Network {
    code: &'static str,
    id: u32,
    icon: &'static str,
    fullname: String,
}

/// The currency of a balance: `code` is the full code.
#[derive(Serialize, JsonSchema)]
pub(super) struct HeldCurrency {
    id: u32,
    code: String,
    short_code: String,
    name: String,
    is_email_required: bool,
    stablecoin: bool,
    icon_base: &'static str,
    icon_network: &'static str,
    icon_qr: &'static str,
    order: u32,
    obj_network: Network,
    enable: bool,
}

fn network(asset: &Asset, catalog: &Catalog) -> Network {
    let Naming { network_code, network_id, .. } = assets::name(asset);
    let fullname = catalog.network_of(asset).title.clone();
    Network { code: network_code, id: network_id, icon: "", fullname }
}

impl Currency {
    /// Describes an asset.
    pub(super) fn new(asset: &Asset, catalog: &Catalog) -> Self {
        let Naming { code, id, .. } = assets::name(asset);
        Self {
            id,
            code: asset.ticker.clone(),
            fullcode: code,
            network: network(asset, catalog),
            name: asset.title.clone(),
            is_email_required: false,
            stablecoin: asset.stablecoin,
            icon_base: "",
            icon_network: "",
            icon_qr: "",
            order: id,
        }
    }
}

impl ListedCurrency {
    /// Describes an asset.
    pub(super) fn new(asset: &Asset, catalog: &Catalog) -> Self {
        let Naming { code, id, .. } = assets::name(asset);
        Self {
            code: asset.ticker.clone(),
            fullcode: code,
            name: asset.title.clone(),
            is_email_required: false,
            stablecoin: asset.stablecoin,
            icon_base: "",
            icon_qr: "",
            order: id,
            network: [network(asset, catalog)],
        }
    }
}

impl HeldCurrency {
    /// Describes an asset, and whether it is paid.
    pub(super) fn new(asset: &Asset, catalog: &Catalog, enable: bool) -> Self {
        let Naming { code, id, .. } = assets::name(asset);
        Self {
            id,
            code,
            short_code: asset.ticker.clone(),
            name: asset.title.clone(),
            is_email_required: false,
            stablecoin: asset.stablecoin,
            icon_base: "",
            icon_network: "",
            icon_qr: "",
            order: id,
            obj_network: network(asset, catalog),
            enable,
        }
    }
}
