//! Networks, lanes, payouts and a test key.

use std::collections::BTreeMap;

use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use domain::{
    Timestamp,
    batch::{Attempt, AttemptStatus, SignedTx},
    catalog::{Asset, Destination, Network},
    command::{Asked, CreatePayout},
    ids::{AssetId, DialectId, LaneId, MerchantId, NetworkId, PayoutId},
    lane::Lane,
    money::Amount,
    payout::Payout,
    ports::{BuildError, Draft, Rail, Signature, UnsignedTx},
    quote::{FeeBearer, Quote},
};
use net::JsonRpc;
use rail_evm::{Endpoint, Evm, Settings};

/// The first account of the mnemonic that test nodes give money to.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Its address.
pub(crate) const LANE: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
/// The second account of that mnemonic.
pub(crate) const RECIPIENT: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
/// The chain that test nodes claim to be.
pub(crate) const CHAIN_ID: u64 = 31337;

pub(crate) fn network(finality: &str) -> Network {
    let parameter = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Network {
        id: NetworkId::new("testnet"),
        title: "Testnet".to_owned(),
        family: "evm".to_owned(),
        fee_asset: AssetId::new("ETH@testnet"),
        explorer_url: String::new(),
        has_priorities: false,
        parameters: BTreeMap::from([
            parameter("chain_id", &CHAIN_ID.to_string()),
            parameter("finality", finality),
        ]),
    }
}

/// Changes a parameter, as an operator may.
pub(crate) fn set(network: &mut Network, parameter: &str, value: &str) {
    network.parameters.insert(parameter.to_owned(), value.to_owned());
}

pub(crate) fn coin() -> Asset {
    asset("ETH", 18, None)
}

pub(crate) fn token(contract: &str) -> Asset {
    asset("TOKEN", 6, Some(contract.to_owned()))
}

fn asset(ticker: &str, decimals: u8, contract: Option<String>) -> Asset {
    Asset {
        id: AssetId::new(&format!("{ticker}@testnet")),
        network: NetworkId::new("testnet"),
        ticker: ticker.to_owned(),
        title: ticker.to_owned(),
        decimals,
        contract,
        stablecoin: false,
        symbols: vec![],
    }
}

/// A rail on the test network whose replacements may cost many times what was offered first.
pub(crate) fn evm(rpc: JsonRpc, assets: &[Asset]) -> Evm {
    let settings = Settings { replacement_budget_percent: 10_000, ..Settings::default() };
    over(alone(rpc), assets, settings)
}

pub(crate) fn over(endpoints: Vec<Endpoint>, assets: &[Asset], settings: Settings) -> Evm {
    Evm::new(&network("finalized"), assets, endpoints, settings).unwrap()
}

/// One endpoint.
pub(crate) fn alone(rpc: JsonRpc) -> Vec<Endpoint> {
    several([rpc])
}

/// Endpoints called `#1`, `#2` and so on.
pub(crate) fn several(rpcs: impl IntoIterator<Item = JsonRpc>) -> Vec<Endpoint> {
    let named = |(position, rpc)| Endpoint { name: format!("#{}", position + 1), rpc };
    rpcs.into_iter().enumerate().map(named).collect()
}

pub(crate) fn lane(next_sequence: u64) -> Lane {
    Lane {
        id: LaneId::new("testnet/hot"),
        network: NetworkId::new("testnet"),
        address: LANE.to_owned(),
        key_path: String::new(),
        next_sequence,
        version: 1,
    }
}

pub(crate) fn payout(asset: &Asset, recipient: &str, units: u128) -> Payout {
    let amount = Amount::from_units(units).unwrap();
    let quote = Quote {
        asked: amount,
        bearer: FeeBearer::Merchant,
        amount,
        service_fee: Amount::ZERO,
        network_fee: Amount::ZERO,
        usd: None,
        worth: None,
        conversions: vec![],
    };
    let (dialect, asked) = (DialectId::new("native"), Asked::Exact(amount));
    let destination = Destination { address: recipient.to_owned(), memo: None };
    let (id, address) = (PayoutId(1), recipient.to_owned());
    let create = CreatePayout::new(id, MerchantId(1), dialect, asset.id.clone(), asked, address);
    Payout::new(&create, asset.network.clone(), destination, quote, Timestamp::NEVER)
}

/// Builds, signs and joins, as the engine does.
pub(crate) async fn sign(
    rail: &Evm,
    next_sequence: u64,
    payout: &Payout,
    replaces: Option<&Attempt>,
) -> Result<Attempt, BuildError> {
    sign_late(rail, next_sequence, payout, replaces, false).await
}

/// The same if what is replaced has perhaps waited too long.
pub(crate) async fn sign_late(
    rail: &Evm,
    next_sequence: u64,
    payout: &Payout,
    replaces: Option<&Attempt>,
    overdue: bool,
) -> Result<Attempt, BuildError> {
    let lane = lane(next_sequence);
    let payouts = std::slice::from_ref(payout);
    let draft = Draft { payouts, replaces, first: replaces, overdue, ..Draft::alone(&lane) };
    let unsigned = Rail::build(rail, draft).await?;
    Ok(join(rail, &unsigned))
}

/// Signs and joins, as the engine does.
pub(crate) fn join(rail: &Evm, unsigned: &UnsignedTx) -> Attempt {
    let tx = rail.finalize(unsigned, &signature(&unsigned.payload)).unwrap();
    attempt(tx, unsigned)
}

/// Signs with the lane's key.
pub(crate) fn signature(payload: &[u8]) -> Signature {
    let digest = alloy_primitives::keccak256(payload);
    let key: SecretKey = KEY.parse().unwrap();
    let signed = Secp256k1::new().sign_ecdsa_recoverable(&Message::from_digest(digest.0), &key);
    let (id, rs) = signed.serialize_compact();
    let v = u8::try_from(id.to_i32()).unwrap();
    Signature([&rs[..], &[v]].concat())
}

fn attempt(tx: SignedTx, unsigned: &UnsignedTx) -> Attempt {
    Attempt {
        tx,
        sequence: unsigned.sequence,
        fee_max: unsigned.fee_max,
        status: AttemptStatus::Signed,
        signed_at: Timestamp::NEVER,
        fee: None,
        unpaid: vec![],
        spends: vec![],
    }
}
