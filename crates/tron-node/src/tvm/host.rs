//! What revm's instructions ask for.

use std::borrow::Cow;

use alloy_primitives::{Address as Tail, B256, U256, keccak256};
use revm_interpreter::{
    Host, InstructionContext, InstructionResult, SStoreResult, SelfDestructResult, StateLoad,
    bytecode::Bytecode,
    context_interface::{cfg::GasParams, host::LoadError, journaled_state::AccountInfoLoad},
    interpreter::EthInterpreter,
    interpreter_types::RuntimeFlag as _,
    primitives::{Log as EvmLog, hardfork::SpecId},
    state::AccountInfo,
};

use super::{Log, Machine, costs};
use crate::Address;

/// The instructions that there are: Tron has followed to Shanghai (`PUSH0`).
pub(super) const SPEC: SpecId = SpecId::SHANGHAI;

impl Host for Machine<'_> {
    fn basefee(&self) -> U256 {
        U256::from(u64::try_from(self.surroundings.energy_price).unwrap_or_default())
    }

    fn blob_gasprice(&self) -> U256 {
        U256::ZERO
    }

    fn gas_limit(&self) -> U256 {
        U256::ZERO
    }

    fn difficulty(&self) -> U256 {
        U256::ZERO
    }

    fn prevrandao(&self) -> Option<U256> {
        Some(U256::ZERO)
    }

    fn block_number(&self) -> U256 {
        U256::from(u64::try_from(self.surroundings.number).unwrap_or_default())
    }

    fn timestamp(&self) -> U256 {
        U256::from(u64::try_from(self.surroundings.time_ms / 1_000).unwrap_or_default())
    }

    fn beneficiary(&self) -> Tail {
        self.surroundings.witness.into()
    }

    fn slot_num(&self) -> U256 {
        U256::ZERO
    }

    fn chain_id(&self) -> U256 {
        self.surroundings.chain_id
    }

    fn effective_gas_price(&self) -> U256 {
        U256::ZERO
    }

    fn caller(&self) -> Tail {
        self.surroundings.origin.into()
    }

    fn blob_hash(&self, _: usize) -> Option<U256> {
        None
    }

    fn max_initcode_size(&self) -> usize {
        usize::MAX
    }

    fn gas_params(&self) -> &GasParams {
        &self.costs
    }

    fn is_amsterdam_eip8037_enabled(&self) -> bool {
        false
    }

    fn block_hash(&mut self, number: u64) -> Option<B256> {
        // Not modelled: something that depends on the number.
        Some(keccak256(number.to_be_bytes()))
    }

    fn selfdestruct(
        &mut self,
        address: Tail,
        target: Tail,
        _: bool,
    ) -> Result<StateLoad<SelfDestructResult>, LoadError> {
        let (address, heir) = (Address::from(address), Address::from(target));
        let balance = self.state.balance(&address);
        let target_exists = self.state.account(&heir).is_some();
        if address != heir {
            self.state.create(heir, self.surroundings.time_ms);
            let moved = self.state.add(address, -balance) && self.state.add(heir, balance);
            if !moved {
                return Err(LoadError::DBError);
            }
        }
        let previously_destroyed = self.destroyed.contains(&address);
        self.destroyed.push(address);
        // java-tron counts a new heir whether or not it gets anything.
        let result = SelfDestructResult { had_value: true, target_exists, previously_destroyed };
        Ok(StateLoad::new(result, false))
    }

    fn log(&mut self, log: EvmLog) {
        let (topics, data) = log.data.split();
        self.logs.push(Log { address: log.address.into(), topics, data });
    }

    fn sstore_skip_cold_load(
        &mut self,
        _: Tail,
        _: U256,
        _: U256,
        _: bool,
    ) -> Result<StateLoad<SStoreResult>, LoadError> {
        // `sstore` below stands for the instruction that would ask for this.
        Err(LoadError::DBError)
    }

    fn sload_skip_cold_load(
        &mut self,
        address: Tail,
        key: U256,
        _: bool,
    ) -> Result<StateLoad<U256>, LoadError> {
        let value = self.state.slot(address.into(), key).unwrap_or_default();
        Ok(StateLoad::new(value, false))
    }

    fn tstore(&mut self, address: Tail, key: U256, value: U256) {
        self.transient.insert((address.into(), key), value);
    }

    fn tload(&mut self, address: Tail, key: U256) -> U256 {
        self.transient.get(&(address.into(), key)).copied().unwrap_or_default()
    }

    fn load_account_info_skip_cold_load(
        &mut self,
        address: Tail,
        _: bool,
        _: bool,
    ) -> Result<AccountInfoLoad<'_>, LoadError> {
        let address = Address::from(address);
        let account = self.state.account(&address);
        let code = self.state.contract(&address).map(|it| it.code.clone()).unwrap_or_default();
        let is_empty = account.is_none();
        let balance = U256::from(self.state.balance(&address).unsigned_abs());
        let info = AccountInfo::new(balance, u64::from(!is_empty), hash(&code), code);
        Ok(AccountInfoLoad { account: Cow::Owned(info), is_cold: false, is_empty })
    }
}

fn hash(code: &Bytecode) -> B256 {
    keccak256(code.original_byte_slice())
}

/// `SSTORE`: by whether the slot is there, also one that this transaction has set to zero, and
/// without anything back.
pub(super) fn sstore(
    context: InstructionContext<'_, Machine<'_>, EthInterpreter>,
) -> Result<(), InstructionResult> {
    let InstructionContext { interpreter, host } = context;
    let Some([key, value]) = interpreter.stack.popn() else {
        return Err(InstructionResult::StackUnderflow);
    };
    let address = Address::from(interpreter.input.target_address);
    let is_new = host.state.slot(address, key).is_none() && !value.is_zero();
    let cost = if is_new { costs::SLOT_NEW } else { costs::SLOT_CHANGED };
    if !interpreter.gas.record_regular_cost(cost) {
        return Err(InstructionResult::OutOfGas);
    }
    if interpreter.runtime_flag.is_static() {
        return Err(InstructionResult::StateChangeDuringStaticCall);
    }
    host.state.put_slot(address, key, value);
    Ok(())
}
