//! What a transaction of an EVM network must do for an intent, whatever its form: whom it calls,
//! with how much of the network's coin, and with which data.
//!
//! One payment is a plain transfer or a call of the token. Several, all of one asset, are one call
//! of `pay(address,uint256[])` of the contract below, by the lane, or by the lane of itself if its
//! account runs the contract's code (EIP-7702). Each payment is one word there: the recipient in
//! the low 160 bits, the amount in the high 96.

use alloy_primitives::{Address, B256, TxKind, U256, address, b256, hex, keccak256};
use domain::{
    chore::Chore,
    lane::Lane,
    ports::{Intent, Payment},
};

use super::same;

/// The family of networks whose transactions these are.
pub const FAMILY: &str = "evm";

/// The contract that makes several payments in one call. Its address follows from its code, so
/// there is no other contract with it on any network.
pub const PAYOUTS: Address = address!("0xD9732D1d51800E1641672fB9c76Add1373154fC8");

/// The most payments of one transaction.
pub const PAYMENTS_MAX: usize = 300;

/// More than any transaction with so many payments: 32 bytes for each, and less than 600 else.
pub(super) const PAYLOAD_BYTES_MAX: usize = PAYMENTS_MAX * 32 + 600;

/// The first four bytes of the Keccak-256 hash of `transfer(address,uint256)` (ERC-20).
const TRANSFER_SELECTOR: [u8; 4] = hex!("a9059cbb");

/// The first four bytes of the Keccak-256 hash of `pay(address,uint256[])`.
const PAY_SELECTOR: [u8; 4] = hex!("6ba15dd0");

/// The first four bytes of the Keccak-256 hash of `approve(address,uint256)` (ERC-20).
const APPROVE_SELECTOR: [u8; 4] = hex!("095ea7b3");

/// The proxy that puts code where CREATE2 says
/// (<https://github.com/Arachnid/deterministic-deployment-proxy>).
pub const PROXY: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");

/// The Keccak-256 hash of what the proxy gets so that it puts [`PAYOUTS`] there.
pub const DEPLOYMENT_HASH: B256 =
    b256!("0x4843da1bae70ae2466a5cd0634a82b78bc59ee3da77e684143f0582ecbb5930a");

/// The most of an asset that has room beside a recipient.
const AMOUNT_MAX: u128 = (1 << 96) - 1;

/// The fields of a transaction that say what it does.
pub(super) struct Fields<'a> {
    pub(super) chain_id: u64,
    pub(super) nonce: u64,
    pub(super) gas_limit: u64,
    /// The most that it pays for one unit of gas, in wei.
    pub(super) gas_price: u128,
    /// What `gas_price` is called in this form.
    pub(super) gas_price_name: &'static str,
    pub(super) to: TxKind,
    pub(super) value: U256,
    pub(super) data: &'a [u8],
}

impl Fields<'_> {
    /// Checks that they make the intent's payments and do nothing else.
    pub(super) fn check(&self, lane: &Lane, intent: &Intent) -> Result<(), String> {
        same("chain_id", &self.chain_id, &chain_id(intent)?)?;
        let sequence = intent.sequence.ok_or("nonce: the intent names no sequence")?;
        same("nonce", &self.nonce, &sequence)?;
        self.check_fee(intent.fee_max.units())?;
        let TxKind::Call(to) = self.to else {
            return Err("to is empty: the transaction would create a contract".to_owned());
        };
        let wanted = match (&intent.chore, intent.payments.as_slice()) {
            (Some(Chore::Fill { .. }), _) => Wanted::nothing(lane)?,
            (Some(Chore::Prepare(words)), _) => Wanted::prepared(words, self.data)?,
            (Some(Chore::TopUp(_)) | None, [payment]) => Wanted::single(payment)?,
            (Some(Chore::TopUp(_)) | None, several) => Wanted::several(several, lane, to)?,
        };
        same("to", &to, &wanted.to)?;
        same("value", &self.value, &wanted.value)?;
        same("data", &hex::encode(self.data), &hex::encode(wanted.data))
    }

    /// Checks that it cannot cost more than `fee_max`, in wei.
    pub(super) fn check_fee(&self, fee_max: u128) -> Result<(), String> {
        let product = format!("gas_limit * {}", self.gas_price_name);
        let most = self.gas_price.checked_mul(u128::from(self.gas_limit));
        let most = most.ok_or_else(|| format!("{product} does not fit a number"))?;
        if most > fee_max {
            return Err(format!("{product} is {most}, above fee_max {fee_max}"));
        }
        Ok(())
    }
}

/// What the fields must be.
struct Wanted {
    to: Address,
    value: U256,
    data: Vec<u8>,
}

impl Wanted {
    /// Uses up a number: the lane calls itself with nothing.
    fn nothing(lane: &Lane) -> Result<Self, String> {
        let to = address("lane", &lane.address)?;
        Ok(Self { to, value: U256::ZERO, data: Vec::new() })
    }

    /// What a lane prepares, by the rail's words for it: `deploy`, the contract that pays many, or
    /// `approve` and a token, which that contract may take from then on. It takes tokens only from
    /// whoever calls it, so an approval gives nobody else anything.
    fn prepared(words: &str, data: &[u8]) -> Result<Self, String> {
        let unknown = || format!("chore: {words:?} is nothing that this signer knows");
        let value = U256::ZERO;
        if words == "deploy" {
            let digest = keccak256(data);
            same("hash of data", &digest, &DEPLOYMENT_HASH)?;
            return Ok(Self { to: PROXY, value, data: data.to_vec() });
        }
        let token = words.strip_prefix("approve ").ok_or_else(unknown)?;
        let spender = PAYOUTS.into_word();
        let data = [APPROVE_SELECTOR.as_slice(), spender.as_slice(), &[0xff; 32]].concat();
        Ok(Self { to: address("chore", token)?, value, data })
    }

    fn single(payment: &Payment) -> Result<Self, String> {
        let destination = destination(payment)?;
        let amount = U256::from(payment.amount.units());
        Ok(match &payment.asset.contract {
            None => Self { to: destination, value: amount, data: Vec::new() },
            Some(contract) => Self {
                to: address("contract", contract)?,
                value: U256::ZERO,
                data: transfer(destination, amount),
            },
        })
    }

    /// `to` says which of the two ways to pay was taken.
    fn several(payments: &[Payment], lane: &Lane, to: Address) -> Result<Self, String> {
        let Some(first) = payments.first().filter(|_| payments.len() <= PAYMENTS_MAX) else {
            let count = payments.len();
            return Err(format!(
                "payments: one transaction makes 1 to {PAYMENTS_MAX}, not {count}"
            ));
        };
        if let Some(other) = payments.iter().find(|it| it.asset != first.asset) {
            let (one, other) = (&first.asset.id, &other.asset.id);
            return Err(format!("asset: one transaction pays one, not {one} and {other}"));
        }
        let token = match &first.asset.contract {
            None => Address::ZERO,
            Some(contract) => address("contract", contract)?,
        };
        let own = address("lane", &lane.address)?;
        let to = if to == own { own } else { PAYOUTS };
        let mut data = [PAY_SELECTOR.as_slice(), token.into_word().as_slice()].concat();
        data.extend(word(0x40));
        data.extend(word(payments.len() as u128));
        let mut sum = U256::ZERO;
        for payment in payments {
            let (recipient, amount) = (destination(payment)?, payment.amount.units());
            if !(1..=AMOUNT_MAX).contains(&amount) {
                return Err(format!("amount: {amount} units have to be paid alone"));
            }
            sum += U256::from(amount);
            data.extend(&word(amount)[20..]);
            data.extend(recipient);
        }
        let coins = first.asset.contract.is_none() && to == PAYOUTS;
        Ok(Self { to, value: if coins { sum } else { U256::ZERO }, data })
    }
}

/// The call `transfer(destination, amount)`, 68 bytes.
fn transfer(destination: Address, amount: U256) -> Vec<u8> {
    let to = destination.into_word();
    [TRANSFER_SELECTOR.as_slice(), to.as_slice(), &amount.to_be_bytes::<32>()].concat()
}

fn word(number: u128) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}

pub(crate) fn chain_id(intent: &Intent) -> Result<u64, String> {
    let text = intent.network.parameters.get("chain_id");
    let number = text.and_then(|it| it.parse().ok());
    number.ok_or_else(|| format!("chain_id: network {} names none", intent.network.id))
}

fn destination(payment: &Payment) -> Result<Address, String> {
    if payment.destination.memo.is_some() {
        return Err("memo: the intent has one, this format carries none".to_owned());
    }
    address("destination", &payment.destination.address)
}

/// Reads an address of the intent or of the lane, which has the checksum of EIP-55.
pub(super) fn address(field: &str, text: &str) -> Result<Address, String> {
    Address::parse_checksummed(text, None)
        .map_err(|_| format!("{field}: {text:?} in the intent is no address with its checksum"))
}

/// Checks what is the same in every form, before anything is read.
pub(super) fn check_frame(payload: &[u8], intent: &Intent) -> Result<(), String> {
    if intent.network.family != FAMILY {
        return Err(format!("{} is no network of family {FAMILY}", intent.network.id));
    }
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err("payload is no transaction: it is too long".to_owned());
    }
    Ok(())
}
