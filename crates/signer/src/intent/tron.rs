//! Transactions of Tron: the bytes of `Transaction.raw` of its protocol
//! (<https://github.com/tronprotocol/protocol>, `core/Tron.proto`), in Protocol Buffers.
//!
//! What is signed is the SHA-256 of the payload, which is the transaction's identifier too. A
//! transaction makes one payment: `TransferContract` for the network's coin, or
//! `TriggerSmartContract` that calls `transfer(address,uint256)` of a token.
//!
//! The lane's number is the transaction's `timestamp` in milliseconds. The network does not compare
//! it with anything, but it is signed, so no two transactions of a lane are the same bytes.

mod message;

use bitcoin::base58;
use domain::{
    chore::Chore,
    lane::Lane,
    ports::{Intent, Payment},
};

use self::message::{Any, Contract, Raw, TransferContract, TriggerSmartContract};
use super::same;
use crate::derive::TRON_PREFIX;

/// The format's name in [`domain::ports::UnsignedTx::format`].
pub const FORMAT: &str = "tron";

/// The family of networks whose transactions these are.
pub const FAMILY: &str = "tron";

/// More than any transaction: less than 400 bytes and its memo.
pub const PAYLOAD_BYTES_MAX: usize = 4_096;

/// The most that a call may burn for energy, in sun: 15,000 TRX. No transaction with more is taken by
/// the network (its parameter 47, `MAX_FEE_LIMIT`, <https://tronscan.org/#/sr/committee>).
pub const FEE_LIMIT_MAX_SUN: i64 = 15_000_000_000;

/// How long after its timestamp a transaction may expire. The network takes none that expires more
/// than 24 hours after its newest block (`MAXIMUM_TIME_UNTIL_EXPIRATION` of java-tron), and clocks
/// differ.
pub const LIFE_MS_MAX: i64 = 25 * 60 * 60 * 1_000;

/// The numbers of `Transaction.Contract.ContractType`, and what `Any` calls these messages.
const TRANSFER: (i32, &str) = (1, "type.googleapis.com/protocol.TransferContract");
const TRIGGER: (i32, &str) = (31, "type.googleapis.com/protocol.TriggerSmartContract");

/// The first four bytes of the Keccak-256 hash of `transfer(address,uint256)`.
const TRANSFER_SELECTOR: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];

/// [`TRON_PREFIX`], and the account.
type Address = [u8; 21];

/// Checks that a transaction of `lane` makes the intent's one payment and does nothing else.
///
/// # Errors
/// Says which field differs.
pub fn verify(payload: &[u8], lane: &Lane, intent: &Intent) -> Result<(), String> {
    if intent.network.family != FAMILY {
        return Err(format!("{} is no network of family {FAMILY}", intent.network.id));
    }
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err("payload is no transaction: it is too long".to_owned());
    }
    let payment = payment(intent)?;
    let raw: Raw = message::decode("payload is no transaction", payload)?;
    check_frame(&raw)?;
    check_time(&raw, intent)?;
    check_memo(&raw, payment)?;
    let [contract] = raw.contract.as_slice() else {
        return Err(format!("contract: there are {}, one is meant", raw.contract.len()));
    };
    let own = address("lane", &lane.address)?;
    let to = address("destination", &payment.destination.address)?;
    if to == own {
        let to = &payment.destination.address;
        return Err(format!("destination: {to} is the lane itself"));
    }
    match &payment.asset.contract {
        None => {
            number("fee_limit", raw.fee_limit, 0)?;
            check_coins(contract, own, to, payment, intent)
        }
        Some(token) => {
            check_fee(raw.fee_limit, intent.fee_max.units())?;
            check_tokens(contract, own, to, payment, token)
        }
    }
}

/// The one payment that a transaction makes.
fn payment(intent: &Intent) -> Result<&Payment, String> {
    match (&intent.chore, intent.payments.as_slice()) {
        (None | Some(Chore::TopUp(_)), [payment]) => Ok(payment),
        (None | Some(Chore::TopUp(_)), payments) => {
            Err(format!("payments: one transaction makes one, not {}", payments.len()))
        }
        (Some(Chore::Prepare(words)), _) => {
            Err(format!("chore: {words:?} is nothing that this signer knows"))
        }
        (Some(chore @ Chore::Fill { .. }), _) => {
            let title = chore.title();
            Err(format!("chore: to {title} is nothing that this signer knows here"))
        }
    }
}

/// Checks what is the same in every transaction.
fn check_frame(raw: &Raw) -> Result<(), String> {
    length("ref_block_bytes", &raw.ref_block_bytes, 2)?;
    number("ref_block_num", raw.ref_block_num, 0)?;
    length("ref_block_hash", &raw.ref_block_hash, 8)?;
    refuse("auths", !raw.auths.is_empty())?;
    refuse("scripts", !raw.scripts.is_empty())
}

fn check_time(raw: &Raw, intent: &Intent) -> Result<(), String> {
    let sequence = intent.sequence.ok_or("timestamp: the intent names no sequence")?;
    let wanted = i64::try_from(sequence).ok().filter(|it| *it > 0);
    let wanted = wanted.ok_or_else(|| format!("timestamp: {sequence} is no time of day"))?;
    same("timestamp", &raw.timestamp, &wanted)?;
    let (expiration, latest) = (raw.expiration, raw.timestamp.saturating_add(LIFE_MS_MAX));
    if !(1..=latest).contains(&expiration) {
        return Err(format!("expiration is {expiration}, 1 to {latest} is meant"));
    }
    Ok(())
}

fn check_memo(raw: &Raw, payment: &Payment) -> Result<(), String> {
    let wanted = match payment.destination.memo.as_deref() {
        Some("") => return Err("memo: the intent has an empty one, which is none".to_owned()),
        Some(memo) => memo.as_bytes(),
        None => &[],
    };
    same("data (the memo)", &hex::encode(&raw.data), &hex::encode(wanted))
}

/// Checks that the call of a token burns no more than what is allowed, in sun.
fn check_fee(fee_limit: i64, fee_max: u128) -> Result<(), String> {
    if !(1..=FEE_LIMIT_MAX_SUN).contains(&fee_limit) {
        return Err(format!("fee_limit is {fee_limit}, 1 to {FEE_LIMIT_MAX_SUN} is meant"));
    }
    if u128::from(fee_limit.unsigned_abs()) > fee_max {
        return Err(format!("fee_limit is {fee_limit}, above fee_max {fee_max}"));
    }
    Ok(())
}

/// The bytes of the message in a contract, which must be of that kind and have no other field.
fn parameter<'a>(contract: &'a Contract, wanted: (i32, &str)) -> Result<&'a [u8], String> {
    let Contract { kind, parameter, provider, name, permission_id } = contract;
    let (wanted_kind, wanted_url) = wanted;
    number("contract type", i64::from(*kind), i64::from(wanted_kind))?;
    refuse("provider", !provider.is_empty())?;
    refuse("ContractName", !name.is_empty())?;
    number("Permission_id", i64::from(*permission_id), 0)?;
    let Any { type_url, value } = parameter.as_ref().ok_or("parameter is missing")?;
    if type_url != wanted_url {
        return Err(format!("type_url is {type_url:?}, {wanted_url:?} is meant"));
    }
    Ok(value)
}

/// Checks that it sends the network's coin.
fn check_coins(
    contract: &Contract,
    own: Address,
    to: Address,
    payment: &Payment,
    intent: &Intent,
) -> Result<(), String> {
    same("asset", &payment.asset.id, &intent.network.fee_asset)?;
    let bytes = parameter(contract, TRANSFER)?;
    let found: TransferContract = message::decode("parameter is no TransferContract", bytes)?;
    let TransferContract { owner_address, to_address, amount } = &found;
    same_address("owner_address", owner_address, own)?;
    same_address("to_address", to_address, to)?;
    let units = payment.amount.units();
    let wanted = i64::try_from(units).ok().filter(|it| *it > 0);
    let wanted = wanted.ok_or_else(|| format!("amount: {units} cannot be paid"))?;
    same("amount", amount, &wanted)
}

/// Checks that it sends tokens of the contract `token`.
fn check_tokens(
    contract: &Contract,
    own: Address,
    to: Address,
    payment: &Payment,
    token: &str,
) -> Result<(), String> {
    let token = address("contract", token)?;
    if to == token {
        let to = &payment.destination.address;
        return Err(format!("destination: {to} is the token's contract"));
    }
    let bytes = parameter(contract, TRIGGER)?;
    let found: TriggerSmartContract =
        message::decode("parameter is no TriggerSmartContract", bytes)?;
    let TriggerSmartContract { owner_address, contract_address, data, .. } = &found;
    same_address("owner_address", owner_address, own)?;
    same_address("contract_address", contract_address, token)?;
    number("call_value", found.call_value, 0)?;
    number("call_token_value", found.call_token_value, 0)?;
    number("token_id", found.token_id, 0)?;
    let units = payment.amount.units();
    if units == 0 {
        return Err("amount: 0 cannot be paid".to_owned());
    }
    same("data of the call", &hex::encode(data), &hex::encode(transfer(to, units)))
}

/// The call `transfer(to, units)`, 68 bytes. The machine's addresses have no prefix.
fn transfer(to: Address, units: u128) -> Vec<u8> {
    let [_, account @ ..] = to;
    let mut data = TRANSFER_SELECTOR.to_vec();
    data.extend([0; 12]);
    data.extend(account);
    data.extend([0; 16]);
    data.extend(units.to_be_bytes());
    data
}

/// Reads an address of the intent or of the lane.
fn address(field: &str, text: &str) -> Result<Address, String> {
    let bytes = base58::decode_check(text).ok().and_then(|it| Address::try_from(it).ok());
    let bytes = bytes.filter(|it| it[0] == TRON_PREFIX);
    bytes.ok_or_else(|| format!("{field}: {text:?} in the intent is no address of Tron"))
}

/// Compares an address; both are shown as wallets do.
fn same_address(field: &str, found: &[u8], wanted: Address) -> Result<(), String> {
    same(field, &base58::encode_check(found), &base58::encode_check(&wanted))
}

fn number(field: &str, found: i64, wanted: i64) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{field} is {found}, {wanted} is meant")) }
}

fn length(field: &str, found: &[u8], wanted: usize) -> Result<(), String> {
    let found = found.len();
    if found == wanted {
        return Ok(());
    }
    Err(format!("{field} has {found} bytes, {wanted} are meant"))
}

fn refuse(field: &str, there: bool) -> Result<(), String> {
    if there { Err(format!("{field}: there are some, and none are meant")) } else { Ok(()) }
}
