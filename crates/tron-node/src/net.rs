//! Pays for the bytes of transactions
//! ([BandwidthProcessor](https://github.com/tronprotocol/java-tron/blob/develop/chainbase/src/main/java/org/tron/core/db/BandwidthProcessor.java)).

use crate::{
    Address, Code,
    checks::RESULT_SIZE,
    code::Refusal,
    process::{Receipt, Scene},
    state::{Account, State},
    transaction::{Deed, Transaction},
};

/// `getMaxCreateAccountTxSize`: the longest transaction that creates an account, in bytes, without
/// its signatures.
pub(crate) const NEW_ACCOUNT_SIZE_MAX: usize = 1_000;

/// What a signature is counted as there.
const SIGNATURE_SIZE: usize = 65;

/// Takes staked bytes, or free ones, or sun, in this order, each for the whole or not at all;
/// whoever sends to a new account cannot use the free ones. Returns the owner.
pub(crate) fn consume(
    tx: &Transaction,
    state: &mut State,
    scene: &Scene<'_>,
    receipt: &mut Receipt,
) -> Result<Address, Refusal> {
    let size = i64::try_from(tx.size + RESULT_SIZE).unwrap_or(i64::MAX);
    let found = tx.owner().and_then(|it| Some((it, state.account(&it)?.clone())));
    let Some((owner, account)) = found else {
        let name = bs58::encode(tx.owner_bytes()).with_check().into_string();
        return Err(Refusal::invalid(format!("account [{name}] does not exist")));
    };
    let (now, head_ms) = (scene.head.slot(), scene.head.time_ms);
    if let Deed::Transfer(it) = &tx.deed
        && Address::from_bytes(&it.to_address).is_none_or(|to| state.account(&to).is_none())
    {
        let unsigned = tx.size.saturating_sub(SIGNATURE_SIZE * tx.signatures.len());
        if unsigned > NEW_ACCOUNT_SIZE_MAX {
            let text = format!(
                "Too big new account transaction, TxId {}, the size is {unsigned} bytes, \
                 maxTxSize {NEW_ACCOUNT_SIZE_MAX}",
                tx.id_hex()
            );
            return Err(Refusal::new(Code::TooBigTransactionError, text));
        }
        let size = size.saturating_mul(scene.parameters.new_account_net_rate);
        if !staked(owner, account, size, now, head_ms, state, receipt) {
            burn(owner, scene.parameters.create_account_fee, state, receipt)?;
        }
        return Ok(owner);
    }
    if staked(owner, account.clone(), size, now, head_ms, state, receipt)
        || free(owner, account, size, scene, state, receipt)
    {
        return Ok(owner);
    }
    burn(owner, scene.parameters.byte_price.saturating_mul(size), state, receipt)?;
    Ok(owner)
}

fn staked(
    owner: Address,
    mut account: Account,
    size: i64,
    now: i64,
    head_ms: i64,
    state: &mut State,
    receipt: &mut Receipt,
) -> bool {
    if size > account.net_points - account.net.at(now) {
        return false;
    }
    account.net.add_weighted(size, now);
    account.latest_operation_time_ms = head_ms;
    state.put_account(owner, account);
    receipt.net_usage = size;
    true
}

fn free(
    owner: Address,
    mut account: Account,
    size: i64,
    scene: &Scene<'_>,
    state: &mut State,
    receipt: &mut Receipt,
) -> bool {
    let now = scene.head.slot();
    let mut public = state.public_net();
    if size > scene.parameters.free_net - account.free_net.at(now)
        || size > scene.parameters.public_net - public.at(now)
    {
        return false;
    }
    account.free_net.add(size, now);
    account.latest_operation_time_ms = scene.head.time_ms;
    public.add(size, now);
    state.put_account(owner, account);
    state.put_public_net(public);
    receipt.net_usage = size;
    true
}

fn burn(owner: Address, fee: i64, state: &mut State, receipt: &mut Receipt) -> Result<(), Refusal> {
    if !state.add(owner, -fee) {
        return Err(Refusal::bandwidth());
    }
    receipt.net_fee = fee;
    Ok(())
}
