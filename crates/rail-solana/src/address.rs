//! Which texts are addresses of wallets on Solana.
//!
//! An address is 32 bytes in base58, without any checksum. A wallet's is an ed25519 public key; one
//! that is no point of the curve was derived by a program
//! (<https://solana.com/docs/core/pda>), as those of token accounts are.

use curve25519_dalek::edwards::CompressedEdwardsY;
use domain::catalog::{Destination, DestinationError, Network};

/// Longer than any address of any network; longer texts are refused unread.
const TEXT_BYTES_MAX: usize = 128;

/// Programs, system accounts and mints that every cluster has: no wallets, whatever their bytes.
const SYSTEM_ACCOUNTS: [&str; 31] = [
    "1nc1nerator11111111111111111111111111111111",
    "11111111111111111111111111111111",
    "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL",
    "AddressLookupTab1e1111111111111111111111111",
    "BPFLoader1111111111111111111111111111111111",
    "BPFLoader2111111111111111111111111111111111",
    "BPFLoaderUpgradeab1e11111111111111111111111",
    "ComputeBudget111111111111111111111111111111",
    "Config1111111111111111111111111111111111111",
    "Ed25519SigVerify111111111111111111111111111",
    "KeccakSecp256k11111111111111111111111111111",
    "Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo",
    "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr",
    "NativeLoader1111111111111111111111111111111",
    "So11111111111111111111111111111111111111112",
    "Stake11111111111111111111111111111111111111",
    "StakeConfig11111111111111111111111111111111",
    "Sysvar1111111111111111111111111111111111111",
    "Sysvar1nstructions1111111111111111111111111",
    "SysvarC1ock11111111111111111111111111111111",
    "SysvarEpochSchedu1e111111111111111111111111",
    "SysvarFees111111111111111111111111111111111",
    "SysvarRecentB1ockHashes11111111111111111111",
    "SysvarRent111111111111111111111111111111111",
    "SysvarRewards111111111111111111111111111111",
    "SysvarS1otHashes111111111111111111111111111",
    "SysvarS1otHistory11111111111111111111111111",
    "SysvarStakeHistory1111111111111111111111111",
    "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
    "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
    "Vote111111111111111111111111111111111111111",
];

/// Checks a destination and gives its canonical spelling.
///
/// # Errors
/// Says, for the merchant, why the network cannot pay it.
pub fn parse_destination(
    network: &Network,
    text: &str,
    memo: Option<&str>,
) -> Result<Destination, DestinationError> {
    if memo.is_some() {
        return Err(DestinationError::Memo(format!(
            "no memo is sent on {}: leave it out",
            network.title
        )));
    }
    let key = parse(text).map_err(|reason| DestinationError::Address(reason.to_owned()))?;
    Ok(Destination { address: bs58::encode(key).into_string(), memo: None })
}

fn parse(text: &str) -> Result<[u8; 32], &'static str> {
    if text.len() > TEXT_BYTES_MAX {
        return Err("the text is longer than any address");
    }
    let mut key = [0; 32];
    if bs58::decode(text).onto(&mut key) != Ok(32) {
        return Err("an address of this network is 32 bytes in base58");
    }
    if SYSTEM_ACCOUNTS.contains(&text) {
        return Err("a program or system account, not a wallet");
    }
    match CompressedEdwardsY(key).decompress() {
        None => Err("a token account or another account of a program: give the wallet's address"),
        Some(point) if point.is_small_order() => Err("nobody has the key of this address"),
        Some(_) => Ok(key),
    }
}
