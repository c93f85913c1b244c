//! What instructions cost.

use std::sync::LazyLock;

use revm_interpreter::{
    GasTable,
    bytecode::opcode,
    context_interface::cfg::{GasId, GasParams},
    gas_table,
};

/// One byte of a new contract's code.
pub(super) const CODE_BYTE: u64 = 200;

/// A slot that there was not.
pub(super) const SLOT_NEW: u64 = 20_000;

/// Any other change of a slot. Nothing is ever paid back.
pub(super) const SLOT_CHANGED: u64 = 5_000;

/// The most memory of one call, in bytes.
pub(super) const MEMORY_MAX: usize = 3 * 1_024 * 1_024;

/// The fixed part. revm's table begins with the costs of Ethereum's first days, and so does
/// Tron's.
fn fixed(energy_adjustment: bool) -> GasTable {
    let mut table = gas_table();
    let memory = u16::from(energy_adjustment);
    for operation in [opcode::MLOAD, opcode::MSTORE, opcode::MSTORE8] {
        table[usize::from(operation)] = memory;
    }
    for operation in [opcode::CALLDATACOPY, opcode::CODECOPY, opcode::RETURNDATACOPY] {
        table[usize::from(operation)] = 0;
    }
    table[usize::from(opcode::SELFDESTRUCT)] = 0;
    table
}

static OLDER: LazyLock<GasTable> = LazyLock::new(|| fixed(false));
static NEWER: LazyLock<GasTable> = LazyLock::new(|| fixed(true));

/// The fixed part of what instructions cost.
pub(super) fn table(energy_adjustment: bool) -> &'static GasTable {
    if energy_adjustment { &NEWER } else { &OLDER }
}

/// The other part. There is no difference between the first and later looks at something, and a
/// call may use all that is left.
pub(super) fn dynamic(energy_adjustment: bool) -> GasParams {
    let mut params = GasParams::new_spec(super::host::SPEC);
    let new_heir = if energy_adjustment { 25_000 } else { 0 };
    params.override_gas([
        (GasId::exp_byte_gas(), 10),
        (GasId::cold_account_additional_cost(), 0),
        (GasId::cold_storage_additional_cost(), 0),
        (GasId::cold_storage_cost(), 0),
        (GasId::warm_storage_read_cost(), 0),
        (GasId::initcode_per_word(), 0),
        (GasId::call_stipend_reduction(), u64::MAX),
        (GasId::new_account_cost_for_selfdestruct(), new_heir),
        (GasId::selfdestruct_refund(), 0),
    ]);
    params
}

/// What is added because of a contract's factor (in ten-thousandths).
pub(super) fn penalty(energy: u64, factor: u64) -> u64 {
    energy.saturating_mul(factor) / 10_000
}
