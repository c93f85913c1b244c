//! One call of a contract.

use alloy_primitives::{Bytes, U256};
use revm_interpreter::{
    CallInput, CallInputs, FrameInput, InputsImpl, Instruction, InstructionResult,
    InstructionTable, Interpreter, InterpreterAction, SharedMemory,
    bytecode::{Bytecode, opcode},
    instruction_table,
    interpreter::{EthInterpreter, ExtBytecode},
    interpreter_types::Jumps as _,
};

use super::{
    Machine, costs,
    end::{self, End},
    host,
};
use crate::{Address, Ended};

/// A call that begins.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Whose storage it works on.
    pub(crate) context: Address,
    pub(crate) caller: Address,
    pub(crate) code: Bytecode,
    pub(crate) input: Bytes,
    pub(crate) value: U256,
    pub(crate) is_static: bool,
    pub(crate) depth: usize,
    /// The energy it may use.
    pub(crate) limit: u64,
}

pub(super) type Interp = Interpreter<EthInterpreter>;

/// What became of one instruction.
pub(super) enum Step {
    Next,
    Ends(End),
}

impl Machine<'_> {
    /// Runs a call to its end. What it changed is taken back if it does not go well.
    pub(super) fn frame(&mut self, frame: Frame) -> End {
        let (checkpoint, logs, destroyed) =
            (self.state.checkpoint(), self.logs.len(), self.destroyed.len());
        let end = self.interpret(frame);
        if end.ended != Ended::Success {
            self.state.roll_back(checkpoint);
            self.logs.truncate(logs);
            self.destroyed.truncate(destroyed);
        }
        end
    }

    fn interpret(&mut self, frame: Frame) -> End {
        let factor = self.factor(&frame.context);
        let depth = frame.depth;
        let input = InputsImpl {
            target_address: frame.context.into(),
            bytecode_address: None,
            caller_address: frame.caller.into(),
            input: CallInput::Bytes(frame.input),
            call_value: frame.value,
            depth,
        };
        let code = ExtBytecode::new(frame.code);
        let memory = SharedMemory::new();
        let mut interp = Interp::new(memory, code, input, frame.is_static, host::SPEC, frame.limit);
        let table = table();
        loop {
            match self.step(&mut interp, &table, factor, depth) {
                Step::Next => {}
                Step::Ends(end) => return end,
            }
        }
    }

    /// How much the contract's energy costs on top, in ten-thousandths.
    fn factor(&self, context: &Address) -> u64 {
        let contract = self.state.contract(context);
        let factor = contract.map_or(0, |it| it.energy_factor);
        if self.surroundings.dynamic_energy { u64::try_from(factor).unwrap_or(0) } else { 0 }
    }

    fn step(
        &mut self,
        interp: &mut Interp,
        table: &InstructionTable<EthInterpreter, Self>,
        factor: u64,
        depth: usize,
    ) -> Step {
        let (before, operation) = (interp.gas.remaining(), interp.bytecode.opcode());
        let saw = end::before(interp, operation);
        let fixed = costs::table(self.surroundings.energy_adjustment);
        let result = interp.step(table, fixed, self);
        if end::is_out_of_energy(result) {
            let cost = fixed[usize::from(operation)];
            return Step::Ends(end::out_of_energy(operation, before, cost, interp));
        }
        if interp.memory.len() > costs::MEMORY_MAX {
            let name = end::name(operation);
            let message = format!("Out of Memory when '{name}' operation executing");
            return Step::Ends(End::failed(Ended::OutOfMemory, message));
        }
        let spent = before.saturating_sub(interp.gas.remaining());
        if result == Err(InstructionResult::Suspend) {
            return self.descend(interp, spent, factor, depth);
        }
        if !self.charge(interp, costs::penalty(spent, factor)) {
            return Step::Ends(end::out_of_energy(operation, before, 0, interp));
        }
        match result {
            Ok(()) => Step::Next,
            Err(reason) => Step::Ends(end::ending(interp, reason, saw)),
        }
    }

    fn charge(&mut self, interp: &mut Interp, penalty: u64) -> bool {
        let paid = interp.gas.record_regular_cost(penalty);
        self.penalty = self.penalty.saturating_add(if paid { penalty } else { 0 });
        paid
    }

    /// A call or a creation within the call. `spent` is what the instruction took, with what the
    /// inner call may use.
    fn descend(&mut self, interp: &mut Interp, spent: u64, factor: u64, depth: usize) -> Step {
        let InterpreterAction::NewFrame(inner) = interp.take_next_action() else {
            return Step::Ends(End::failed(Ended::Unknown, "Unknown Exception"));
        };
        let (asked, stipend) = match &inner {
            FrameInput::Call(call) => (call.gas_limit, stipend(call)),
            FrameInput::Create(create) => (create.gas_limit(), 0),
            FrameInput::Empty => (0, 0),
        };
        let given = asked.saturating_sub(stipend);
        // The contract's factor is on the instruction's own energy, and comes first.
        let penalty = costs::penalty(spent.saturating_sub(given), factor);
        let short = penalty.saturating_sub(interp.gas.remaining());
        if short > given {
            return Step::Ends(end::out_of_energy(opcode::CALL, interp.gas.remaining(), 0, interp));
        }
        interp.gas.erase_cost(short);
        if !self.charge(interp, penalty) {
            return Step::Ends(end::out_of_energy(opcode::CALL, interp.gas.remaining(), 0, interp));
        }
        let limit = asked - short;
        match inner {
            FrameInput::Call(call) => self.call_within(interp, *call, limit, depth),
            FrameInput::Create(create) => self.create_within(interp, &create, limit, depth),
            FrameInput::Empty => Step::Next,
        }
    }
}

fn table<'a>() -> InstructionTable<EthInterpreter, Machine<'a>> {
    let mut table = instruction_table::<EthInterpreter, Machine<'a>>();
    table[usize::from(opcode::SSTORE)] = Instruction::new(host::sstore);
    table
}

fn stipend(call: &CallInputs) -> u64 {
    if call.transfers_value() { 2_300 } else { 0 }
}
