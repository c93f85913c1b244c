//! Transfers of TRX
//! ([TransferActuator](https://github.com/tronprotocol/java-tron/blob/develop/actuator/src/main/java/org/tron/core/actuator/TransferActuator.java)).

use crate::{
    Address,
    code::Refusal,
    process::{Receipt, Scene},
    state::State,
    wire::Transfer,
};

/// Whether it could be carried out; returns who pays, who is paid, and the fee for a new account.
pub(crate) fn validate(
    transfer: &Transfer,
    state: &State,
    new_account_fee: i64,
    forbid_contracts: bool,
) -> Result<(Address, Address, i64), String> {
    let owner = Address::from_bytes(&transfer.owner_address).ok_or("Invalid ownerAddress!")?;
    let to = Address::from_bytes(&transfer.to_address).ok_or("Invalid toAddress!")?;
    if owner == to {
        return Err("Cannot transfer TRX to yourself.".to_owned());
    }
    let none = "Validate TransferContract error, no OwnerAccount.";
    let balance = state.account(&owner).ok_or(none)?.balance;
    let amount = transfer.amount;
    if amount <= 0 {
        return Err("Amount must be greater than 0.".to_owned());
    }
    let recipient = state.account(&to);
    let fee = if recipient.is_none() { new_account_fee } else { 0 };
    if forbid_contracts && recipient.is_some_and(|it| it.is_contract) {
        return Err("Cannot transfer TRX to a smartContract.".to_owned());
    }
    let total = amount.checked_add(fee).ok_or("long overflow")?;
    if balance < total {
        return Err("Validate TransferContract error, balance is not sufficient.".to_owned());
    }
    state.balance(&to).checked_add(amount).ok_or("long overflow")?;
    Ok((owner, to, fee))
}

pub(crate) fn carry_out(
    transfer: &Transfer,
    state: &mut State,
    scene: &Scene<'_>,
    receipt: &mut Receipt,
) -> Result<(), Refusal> {
    let parameters = scene.parameters;
    let (new_account_fee, forbid) =
        (parameters.new_account_fee, parameters.forbid_transfer_to_contract);
    let (owner, to, fee) =
        validate(transfer, state, new_account_fee, forbid).map_err(Refusal::invalid)?;
    state.create(to, scene.head.time_ms);
    if !state.add(owner, -(transfer.amount + fee)) || !state.add(to, transfer.amount) {
        return Err(Refusal::execution("balance is not sufficient"));
    }
    receipt.fee += fee;
    Ok(())
}
