//! Deploys and calls contracts, and pays for the energy
//! ([VMActuator](https://github.com/tronprotocol/java-tron/blob/develop/actuator/src/main/java/org/tron/core/actuator/VMActuator.java),
//! [ReceiptCapsule](https://github.com/tronprotocol/java-tron/blob/develop/chainbase/src/main/java/org/tron/core/capsule/ReceiptCapsule.java)).

use alloy_primitives::Bytes;

use crate::{
    Address, Ended,
    code::Refusal,
    process::{Receipt, Scene},
    state::{Account, Contract, State},
    transaction::Transaction,
    tvm::{Machine, Outcome},
    wire::{Create, Trigger},
};

/// Token numbers begin behind this.
const TOKEN_ID_MIN: i64 = 1_000_000;

/// Who pays for energy.
struct Payers {
    caller: Address,
    /// What the caller's stake had left before.
    caller_left: i64,
    origin: Address,
    origin_left: i64,
    origin_limit: i64,
    origin_percent: i64,
}

/// Calls a contract.
pub(crate) fn call(
    trigger: &Trigger,
    tx: &Transaction,
    state: &mut State,
    scene: &Scene<'_>,
    receipt: &mut Receipt,
) -> Result<(), Refusal> {
    let to = contract_of(trigger, state).map_err(Refusal::invalid)?;
    fee_limit(tx.raw.fee_limit, scene).map_err(Refusal::invalid)?;
    let caller = scene.surroundings.origin;
    let contract = state.contract(&to).cloned().ok_or_else(|| Refusal::invalid(NO_CONTRACT))?;
    let value = trigger.call_value;
    let now = scene.head.slot();
    let payers = Payers::of_call(caller, &contract, state, now);
    let limit = payers.limit(state.balance(&caller), tx.raw.fee_limit, value, scene);
    let checkpoint = state.checkpoint();
    move_value(state, caller, to, value).map_err(Refusal::invalid)?;
    let machine = Machine::new(state, &scene.surroundings);
    let outcome = machine.call(to, value, Bytes::from(trigger.data.clone()), limit);
    if outcome.ended != Ended::Success {
        state.roll_back(checkpoint);
    }
    receipt.contract = Some(to);
    settle(outcome, &payers, state, scene, receipt)
}

/// Deploys a contract.
pub(crate) fn create(
    create: &Create,
    tx: &Transaction,
    state: &mut State,
    scene: &Scene<'_>,
    receipt: &mut Receipt,
) -> Result<(), Refusal> {
    let new = create.new_contract.clone().unwrap_or_default();
    let caller = scene.surroundings.origin;
    if new.origin_address != create.owner_address {
        return Err(Refusal::invalid("OwnerAddress is not equals OriginAddress"));
    }
    if new.name.len() > 32 {
        return Err(Refusal::invalid("contractName's length cannot be greater than 32"));
    }
    if !(0..=100).contains(&new.consume_user_resource_percent) {
        return Err(Refusal::invalid("percent must be >= 0 and <= 100"));
    }
    let address = tx.new_contract();
    if state.account(&address).is_some() {
        let text = "Trying to create a contract with existing contract address: ";
        return Err(Refusal::invalid(format!("{text}{address}")));
    }
    fee_limit(tx.raw.fee_limit, scene).map_err(Refusal::invalid)?;
    let value = new.call_value;
    if value < 0 {
        return Err(Refusal::invalid("callValue must be >= 0"));
    }
    if new.origin_energy_limit <= 0 {
        return Err(Refusal::invalid("The originEnergyLimit must be > 0"));
    }
    let payers = Payers::alone(caller, left(state, &caller, scene.head.slot()));
    let limit = payers.limit(state.balance(&caller), tx.raw.fee_limit, value, scene);
    let checkpoint = state.checkpoint();
    let contract = Contract {
        consumer_pays_percent: new.consume_user_resource_percent,
        origin_energy_limit: new.origin_energy_limit,
        name: new.name,
        ..Contract::new(caller, Bytes::from(new.bytecode.clone()))
    };
    put_contract(state, address, contract, scene.head.time_ms);
    move_value(state, caller, address, value).map_err(Refusal::invalid)?;
    let machine = Machine::new(state, &scene.surroundings);
    let outcome = machine.create(address, value, Bytes::from(new.bytecode), limit);
    if outcome.ended != Ended::Success {
        state.roll_back(checkpoint);
    }
    receipt.contract = Some(address);
    settle(outcome, &payers, state, scene, receipt)
}

/// A contract's account, and the contract, which runs nothing yet.
pub(crate) fn put_contract(state: &mut State, at: Address, contract: Contract, now_ms: i64) {
    let account = Account { is_contract: true, create_time_ms: now_ms, ..Account::default() };
    state.put_account(at, account);
    state.put_contract(at, contract);
}

const NO_CONTRACT: &str = "No contract or not a smart contract";

/// The contract that is to be called, if the call can be.
pub(crate) fn contract_of(trigger: &Trigger, state: &State) -> Result<Address, String> {
    let address = Address::from_bytes(&trigger.contract_address);
    let found = address.filter(|it| state.contract(it).is_some()).ok_or(NO_CONTRACT)?;
    let (value, id) = (trigger.call_token_value, trigger.token_id);
    if trigger.call_value < 0 {
        return Err("callValue must be >= 0".to_owned());
    }
    if value < 0 {
        return Err("tokenValue must be >= 0".to_owned());
    }
    if id <= TOKEN_ID_MIN && id != 0 {
        return Err(format!("tokenId must be > {TOKEN_ID_MIN}"));
    }
    if value > 0 && id == 0 {
        let text = "invalid arguments with tokenValue = ";
        return Err(format!("{text}{value}, tokenId = {id}"));
    }
    if value > 0 {
        return Err("Validate InternalTransfer error, no asset !".to_owned());
    }
    Ok(found)
}

/// `MUtil.transfer`: the value of a call.
pub(crate) fn move_value(
    state: &mut State,
    from: Address,
    to: Address,
    value: i64,
) -> Result<(), String> {
    if value == 0 {
        return Ok(());
    }
    if value < 0 {
        return Err("callValue must be >= 0".to_owned());
    }
    if from == to {
        return Err("Cannot transfer TRX to yourself.".to_owned());
    }
    if state.add(from, -value) && state.add(to, value) {
        return Ok(());
    }
    Err("Validate InternalTransfer error, balance is not sufficient.".to_owned())
}

fn fee_limit(fee_limit: i64, scene: &Scene<'_>) -> Result<(), String> {
    let max = scene.parameters.max_fee_limit;
    if (0..=max).contains(&fee_limit) {
        return Ok(());
    }
    Err(format!("feeLimit must be >= 0 and <= {max}"))
}

/// What an account's stake has left.
fn left(state: &State, address: &Address, now: i64) -> i64 {
    state.account(address).map_or(0, |it| (it.energy_points - it.energy.at(now)).max(0))
}

impl Payers {
    /// An origin that is no account any more pays nothing.
    fn of_call(caller: Address, contract: &Contract, state: &State, now: i64) -> Self {
        let alone = Self::alone(caller, left(state, &caller, now));
        if contract.origin == caller || state.account(&contract.origin).is_none() {
            return alone;
        }
        Self {
            origin: contract.origin,
            origin_left: left(state, &contract.origin, now),
            origin_limit: contract.origin_energy_limit,
            origin_percent: 100 - contract.consumer_pays_percent,
            ..alone
        }
    }

    fn alone(caller: Address, caller_left: i64) -> Self {
        let (origin_left, origin_limit, origin_percent) = (0, 0, 0);
        Self { caller, caller_left, origin: caller, origin_left, origin_limit, origin_percent }
    }

    /// The most energy that may be used: what the caller has and is willing to pay, and what the
    /// origin adds to it.
    fn limit(&self, balance: i64, fee_limit: i64, value: i64, scene: &Scene<'_>) -> i64 {
        let price = scene.parameters.energy_price.max(1);
        let bought = balance.saturating_sub(value).max(0) / price;
        let callers = self.caller_left.saturating_add(bought).min(fee_limit / price);
        let origins = self.origin_left.min(self.origin_limit);
        let percent = 100 - self.origin_percent;
        let added = if self.caller == self.origin || percent >= 100 {
            0
        } else if percent <= 0 {
            origins
        } else {
            let share = i128::from(callers) * i128::from(100 - percent) / i128::from(percent);
            origins.min(i64::try_from(share).unwrap_or(i64::MAX))
        };
        callers.saturating_add(added)
    }

    /// How the energy is shared: the origin's part, and the rest.
    fn shares(&self, total: i64) -> (i64, i64) {
        if self.caller == self.origin {
            return (0, total);
        }
        let percent = i128::from(self.origin_percent.clamp(0, 100));
        let part = i64::try_from(i128::from(total) * percent / 100).unwrap_or(0);
        let origins = part.min(self.origin_left).min(self.origin_limit);
        (origins, total - origins)
    }
}

/// Takes staked energy. What had come back is rounded before if the call went well, since the
/// machine has set it aside then (`resetAccountUsage`).
fn use_stake(state: &mut State, whose: Address, energy: i64, now: i64, success: bool) {
    state.change(whose, |account| {
        if success {
            account.energy.add_weighted(0, now);
        }
        account.energy.add_weighted(energy, now);
    });
}

fn settle(
    outcome: Outcome,
    payers: &Payers,
    state: &mut State,
    scene: &Scene<'_>,
    receipt: &mut Receipt,
) -> Result<(), Refusal> {
    let now = scene.head.slot();
    let (origins, callers) = payers.shares(outcome.energy);
    let success = outcome.ended == Ended::Success;
    if payers.origin != payers.caller {
        use_stake(state, payers.origin, origins, now, success);
    }
    let staked = callers.min(payers.caller_left);
    let bought = callers - staked;
    let fee = bought.saturating_mul(scene.parameters.energy_price);
    use_stake(state, payers.caller, staked, now, success);
    if !state.add(payers.caller, -fee) {
        return Err(Refusal::execution(format!("{} insufficient balance", payers.caller)));
    }
    let head_ms = scene.head.time_ms;
    state.change(payers.caller, |account| account.latest_operation_time_ms = head_ms);
    receipt.is_contract = true;
    receipt.ended = outcome.ended;
    receipt.message = outcome.message;
    receipt.origin_energy_usage = origins;
    receipt.energy_usage = staked;
    receipt.energy_fee = fee;
    receipt.energy_usage_total = outcome.energy;
    receipt.energy_penalty_total = outcome.penalty;
    receipt.output = outcome.output;
    receipt.logs = outcome.logs;
    Ok(())
}
