//! How calls end, in java-tron's words.

use alloy_primitives::{Bytes, U256};
use revm_interpreter::{
    InstructionResult, InterpreterAction, bytecode::opcode, interpreter_types::LoopControl as _,
};

use super::frame::Interp;
use crate::Ended;

/// A call that has ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) ended: Ended,
    pub(super) message: String,
    pub(super) output: Bytes,
    /// The energy that it did not use.
    pub(super) left: u64,
}

impl End {
    pub(super) fn success(output: Bytes, left: u64) -> Self {
        Self { ended: Ended::Success, message: String::new(), output, left }
    }

    /// All energy is gone.
    pub(super) fn failed(ended: Ended, message: impl Into<String>) -> Self {
        Self { ended, message: message.into(), output: Bytes::new(), left: 0 }
    }

    pub(super) fn transfer_failed(message: &str, left: u64) -> Self {
        Self { left, ..Self::failed(Ended::TransferFailed, message) }
    }
}

pub(super) fn name(operation: u8) -> &'static str {
    opcode::OpCode::new(operation).map_or("INVALID", opcode::OpCode::as_str)
}

pub(super) fn is_out_of_energy(result: Result<(), InstructionResult>) -> bool {
    matches!(
        result,
        Err(InstructionResult::OutOfGas
            | InstructionResult::MemoryOOG
            | InstructionResult::MemoryLimitOOG
            | InstructionResult::InvalidOperandOOG
            | InstructionResult::PrecompileOOG
            | InstructionResult::ReentrancySentryOOG)
    )
}

/// The instruction's own cost is told only as far as it is fixed.
pub(super) fn out_of_energy(operation: u8, before: u64, cost: u16, interp: &Interp) -> End {
    let limit = interp.gas.limit();
    let used = limit.saturating_sub(before);
    let message = format!(
        "Not enough energy for '{}' operation executing: curInvokeEnergyLimit[{limit}], \
         curOpEnergy[{cost}], usedEnergy[{used}]",
        name(operation)
    );
    End::failed(Ended::OutOfEnergy, message)
}

/// What the instruction saw before it ran.
#[derive(Clone, Copy)]
pub(super) struct Before {
    pub(super) operation: u8,
    pub(super) height: usize,
    pub(super) top: Option<U256>,
}

/// The end of a call that `reason` stopped.
pub(super) fn ending(interp: &mut Interp, reason: InstructionResult, before: Before) -> End {
    let returned = match interp.bytecode.action().take() {
        Some(InterpreterAction::Return(result)) => result.output,
        Some(InterpreterAction::NewFrame(_)) | None => Bytes::new(),
    };
    let left = interp.gas.remaining();
    let name = name(before.operation);
    let unknown = |text: &str| End::failed(Ended::Unknown, text);
    match reason {
        InstructionResult::Stop
        | InstructionResult::Return
        | InstructionResult::SelfDestruct
        | InstructionResult::Suspend => End::success(returned, left),
        InstructionResult::Revert => {
            let message = "REVERT opcode executed".to_owned();
            End { ended: Ended::Revert, message, output: returned, left }
        }
        InstructionResult::OutOfGas
        | InstructionResult::MemoryOOG
        | InstructionResult::MemoryLimitOOG
        | InstructionResult::PrecompileOOG
        | InstructionResult::InvalidOperandOOG
        | InstructionResult::ReentrancySentryOOG => {
            let message = format!("Not enough energy for '{name}' operation executing");
            End::failed(Ended::OutOfEnergy, message)
        }
        InstructionResult::OpcodeNotFound
        | InstructionResult::InvalidFEOpcode
        | InstructionResult::NotActivated => {
            let code = before.operation;
            let message = format!("Invalid operation code: opCode[{code:02x}];");
            End::failed(Ended::IllegalOperation, message)
        }
        InstructionResult::InvalidJump => {
            let target = before.top.map_or(-1, |top| i32::try_from(top).unwrap_or(-1));
            let message = format!("Operation with pc isn't 'JUMPDEST': PC[{target}];");
            End::failed(Ended::BadJumpDestination, message)
        }
        InstructionResult::StackUnderflow => {
            let wants = opcode::OpCode::new(before.operation).map_or(0, |it| it.inputs());
            let has = before.height;
            let message = format!("Expected stack size {wants} but actual {has};");
            End::failed(Ended::StackTooSmall, message)
        }
        InstructionResult::StackOverflow => {
            let message = "Expected: overflow 1024 elements stack limit";
            End::failed(Ended::StackTooLarge, message)
        }
        InstructionResult::StateChangeDuringStaticCall
        | InstructionResult::CallNotAllowedInsideStatic => {
            unknown("Attempt to call a state modifying opcode inside STATICCALL")
        }
        InstructionResult::CallTooDeep
        | InstructionResult::OutOfFunds
        | InstructionResult::CreateInitCodeStartingEF00
        | InstructionResult::InvalidEOFInitCode
        | InstructionResult::InvalidExtDelegateCallTarget
        | InstructionResult::OutOfOffset
        | InstructionResult::CreateCollision
        | InstructionResult::OverflowPayment
        | InstructionResult::PrecompileError
        | InstructionResult::NonceOverflow
        | InstructionResult::CreateContractSizeLimit
        | InstructionResult::CreateContractStartingWithEF
        | InstructionResult::CreateInitCodeSizeLimit
        | InstructionResult::FatalExternalError
        | InstructionResult::InvalidImmediateEncoding => unknown("Unknown Exception"),
    }
}

/// What an instruction saw.
pub(super) fn before(interp: &Interp, operation: u8) -> Before {
    let data = interp.stack.data();
    Before { operation, height: data.len(), top: data.last().copied() }
}
