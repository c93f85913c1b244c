//! Calls and creations within a call.

use alloy_primitives::{B256, Bytes, U256, keccak256};
use revm_interpreter::{
    CallInput, CallInputs, CallScheme, CallValue, CreateInputs, CreateScheme, bytecode::Bytecode,
    interpreter_types::ReturnData as _,
};

use super::{
    DEPTH_MAX, Machine, costs,
    end::End,
    frame::{Frame, Interp, Step},
    native,
};
use crate::{Address, Ended, state::Contract};

/// Whether a call can begin.
enum Begin {
    Runs,
    /// The caller gets a zero and its energy back.
    Refused,
    /// The caller ends too.
    Breaks(&'static str),
}

impl Machine<'_> {
    pub(super) fn call_within(
        &mut self,
        interp: &mut Interp,
        call: CallInputs,
        limit: u64,
        depth: usize,
    ) -> Step {
        let input = match &call.input {
            CallInput::Bytes(bytes) => bytes.clone(),
            CallInput::SharedBuffer(range) if range.is_empty() => Bytes::new(),
            CallInput::SharedBuffer(range) => {
                Bytes::copy_from_slice(&interp.memory.global_slice_range(range.clone()))
            }
        };
        let end = match self.begin(&call, depth) {
            Begin::Refused => End { left: limit, ..End::failed(Ended::Revert, "") },
            Begin::Breaks(message) => {
                let left = interp.gas.remaining().saturating_add(limit);
                return Step::Ends(End::transfer_failed(message, left));
            }
            Begin::Runs => self.inner(&call, input, limit, depth),
        };
        interp.return_data.set_buffer(end.output.clone());
        let pushed = interp.stack.push(U256::from(u8::from(end.ended == Ended::Success)));
        debug_assert!(pushed, "a call takes more from the stack than it puts there");
        if matches!(end.ended, Ended::Success | Ended::Revert) {
            interp.gas.erase_cost(end.left);
            let out = call.return_memory_offset;
            let length = out.len().min(end.output.len());
            if length > 0 {
                interp.memory.set(out.start, &end.output[..length]);
            }
        }
        Step::Next
    }

    /// Whether a call can begin.
    fn begin(&mut self, call: &CallInputs, depth: usize) -> Begin {
        if depth >= DEPTH_MAX {
            return Begin::Refused;
        }
        self.steps += 1;
        let value = match call.value {
            CallValue::Transfer(value) => value,
            CallValue::Apparent(_) => return Begin::Runs,
        };
        let Ok(sun) = i64::try_from(value) else {
            return Begin::Breaks("endowment out of long range");
        };
        let from = Address::from(call.caller);
        if self.state.balance(&from) < sun {
            return Begin::Refused;
        }
        if sun == 0 || call.scheme != CallScheme::Call {
            return Begin::Runs;
        }
        let to = Address::from(call.target_address);
        if from == to {
            return Begin::Breaks("transfer trx failed: Cannot transfer TRX to yourself.");
        }
        Begin::Runs
    }

    /// Moves the value of a call, and runs it.
    fn inner(&mut self, call: &CallInputs, input: Bytes, limit: u64, depth: usize) -> End {
        let checkpoint = self.state.checkpoint();
        let sun = call.transfer_value().and_then(|value| i64::try_from(value).ok()).unwrap_or(0);
        if sun > 0 && call.scheme == CallScheme::Call {
            let (from, to) = (Address::from(call.caller), Address::from(call.target_address));
            self.state.create(to, self.surroundings.time_ms);
            if !self.state.add(from, -sun) || !self.state.add(to, sun) {
                self.state.roll_back(checkpoint);
                return End::failed(Ended::Unknown, "");
            }
        }
        let to = Address::from(call.bytecode_address);
        let end = if let Some(number) = native::number(&to) {
            match native::run(number, &input) {
                Some((cost, output)) if cost <= limit => End::success(output, limit - cost),
                _ => End::failed(Ended::Unknown, ""),
            }
        } else if call.known_bytecode.1.is_empty() {
            End::success(Bytes::new(), limit)
        } else {
            self.frame(Frame {
                context: call.target_address.into(),
                caller: call.caller.into(),
                code: call.known_bytecode.1.clone(),
                input,
                value: call.call_value(),
                is_static: call.is_static,
                depth: depth + 1,
                limit,
            })
        };
        if end.ended != Ended::Success {
            self.state.roll_back(checkpoint);
        }
        end
    }

    pub(super) fn create_within(
        &mut self,
        interp: &mut Interp,
        create: &CreateInputs,
        limit: u64,
        depth: usize,
    ) -> Step {
        let from = Address::from(create.caller());
        let sun = i64::try_from(create.value()).unwrap_or(i64::MAX);
        let new = self.new_address(create);
        self.steps += 1;
        let refused = depth >= DEPTH_MAX || self.state.balance(&from) < sun;
        let (end, created) = if refused {
            (End { left: limit, ..End::failed(Ended::Revert, "") }, U256::ZERO)
        } else if self.state.contract(&new).is_some() {
            (End::failed(Ended::Unknown, ""), U256::ZERO)
        } else {
            let end = self.make(create, new, sun, limit, depth);
            let word = U256::from_be_slice(new.tail());
            let created = if end.ended == Ended::Success { word } else { U256::ZERO };
            (end, created)
        };
        let output = if end.ended == Ended::Revert { end.output.clone() } else { Bytes::new() };
        interp.return_data.set_buffer(output);
        let pushed = interp.stack.push(created);
        debug_assert!(pushed, "a creation takes more from the stack than it puts there");
        if matches!(end.ended, Ended::Success | Ended::Revert) {
            interp.gas.erase_cost(end.left);
        }
        Step::Next
    }

    fn make(
        &mut self,
        create: &CreateInputs,
        new: Address,
        sun: i64,
        limit: u64,
        depth: usize,
    ) -> End {
        let checkpoint = self.state.checkpoint();
        let from = Address::from(create.caller());
        self.state.create(new, self.surroundings.time_ms);
        self.state.change(new, |account| account.is_contract = true);
        self.state.put_contract(new, Contract::new(from, create.init_code().clone()));
        if sun > 0 && !(self.state.add(from, -sun) && self.state.add(new, sun)) {
            self.state.roll_back(checkpoint);
            return End::failed(Ended::Unknown, "");
        }
        let mut end = self.frame(Frame {
            context: new,
            caller: from,
            code: Bytecode::new_legacy(create.init_code().clone()),
            input: Bytes::new(),
            value: create.value(),
            is_static: false,
            depth: depth + 1,
            limit,
        });
        self.deposit(new, &mut end);
        if end.ended != Ended::Success {
            self.state.roll_back(checkpoint);
        }
        end
    }

    /// Keeps the code of a new contract, which costs by the byte.
    pub(super) fn deposit(&mut self, new: Address, end: &mut End) {
        if end.ended != Ended::Success {
            return;
        }
        let length = u64::try_from(end.output.len()).unwrap_or(u64::MAX);
        let cost = length.saturating_mul(costs::CODE_BYTE);
        if end.output.first() == Some(&0xef) {
            *end = End::failed(Ended::InvalidCode, "invalid code: must not begin with 0xef");
        } else if cost > end.left {
            let left = end.left;
            let message = format!(
                "Not enough energy for 'save just created contract code' executing: \
                 needEnergy[{cost}], leftEnergy[{left}];"
            );
            *end = End::failed(Ended::OutOfEnergy, message);
        } else {
            end.left -= cost;
            if let Some(contract) = self.state.contract(&new) {
                let code = Bytecode::new_legacy(end.output.clone());
                self.state.put_contract(new, Contract { code, ..contract.clone() });
            }
        }
    }

    /// From the transaction and the number of the step, or from what `CREATE2` was given.
    fn new_address(&self, create: &CreateInputs) -> Address {
        let hash: B256 = match create.scheme() {
            CreateScheme::Create2 { salt } => {
                let from = Address::from(create.caller()).bytes();
                let code = keccak256(create.init_code());
                keccak256([&from[..], &salt.to_be_bytes::<32>(), &code[..]].concat())
            }
            CreateScheme::Create | CreateScheme::Custom { .. } => {
                let txid = self.surroundings.txid;
                keccak256([&txid[..], &self.steps.to_be_bytes()].concat())
            }
        };
        let mut tail = [0; 20];
        tail.copy_from_slice(&hash[12..]);
        Address::from_tail(tail)
    }
}
