//! Runs contracts: [revm](https://github.com/bluealloy/revm)'s interpreter with Tron's costs
//! ([EnergyCost](https://github.com/tronprotocol/java-tron/blob/develop/actuator/src/main/java/org/tron/core/vm/EnergyCost.java),
//! [Program](https://github.com/tronprotocol/java-tron/blob/develop/actuator/src/main/java/org/tron/core/vm/program/Program.java)).

mod calls;
mod costs;
mod end;
mod frame;
mod host;
mod native;

use std::collections::BTreeMap;

use alloy_primitives::{B256, Bytes, U256};
use revm_interpreter::{bytecode::Bytecode, context_interface::cfg::GasParams};

use crate::{Address, Ended, state::State};
pub(crate) use frame::Frame;

/// Calls within calls.
pub(crate) const DEPTH_MAX: usize = 64;

/// What a contract may ask about its surroundings.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) number: i64,
    pub(crate) time_ms: i64,
    pub(crate) witness: Address,
    pub(crate) chain_id: U256,
    pub(crate) energy_price: i64,
    pub(crate) dynamic_energy: bool,
    pub(crate) energy_adjustment: bool,
    /// Who signed the transaction.
    pub(crate) origin: Address,
    pub(crate) txid: B256,
}

/// An entry of a contract's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Whose log it is.
    pub address: Address,
    /// The topics: of an event, its hash and its indexed arguments.
    pub topics: Vec<B256>,
    /// The other arguments.
    pub data: Bytes,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    /// java-tron's words about it; empty if it went well.
    pub(crate) message: String,
    pub(crate) output: Bytes,
    pub(crate) logs: Vec<Log>,
    /// Energy, with the penalty.
    pub(crate) energy: i64,
    /// What the contracts' factors added.
    pub(crate) penalty: i64,
}

/// A transaction that runs.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    state: &'a mut State,
    surroundings: &'a Surroundings,
    logs: Vec<Log>,
    transient: BTreeMap<(Address, U256), U256>,
    destroyed: Vec<Address>,
    /// Calls and creations so far, from which new addresses are made.
    steps: u64,
    penalty: u64,
    costs: GasParams,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(state: &'a mut State, surroundings: &'a Surroundings) -> Self {
        Self {
            state,
            surroundings,
            logs: vec![],
            transient: BTreeMap::new(),
            destroyed: vec![],
            steps: 0,
            penalty: 0,
            costs: costs::dynamic(surroundings.energy_adjustment),
        }
    }

    /// Calls a contract, for at most `limit` energy. The value has been moved already. If it does
    /// not go well, nothing is left of it but the energy.
    pub(crate) fn call(self, to: Address, value: i64, input: Bytes, limit: i64) -> Outcome {
        let code = self.state.contract(&to).map(|it| it.code.clone()).unwrap_or_default();
        let frame = Frame {
            context: to,
            caller: self.surroundings.origin,
            code,
            input,
            value: U256::from(u64::try_from(value).unwrap_or_default()),
            is_static: false,
            depth: 0,
            limit: u64::try_from(limit).unwrap_or_default(),
        };
        self.run(frame, None)
    }

    /// Runs the code that creates a contract whose account is there already, and returns what is
    /// to run from then on.
    pub(crate) fn create(self, new: Address, value: i64, code: Bytes, limit: i64) -> Outcome {
        let frame = Frame {
            context: new,
            caller: self.surroundings.origin,
            code: Bytecode::new_legacy(code),
            input: Bytes::new(),
            value: U256::from(u64::try_from(value).unwrap_or_default()),
            is_static: false,
            depth: 0,
            limit: u64::try_from(limit).unwrap_or_default(),
        };
        self.run(frame, Some(new))
    }

    fn run(mut self, frame: Frame, creates: Option<Address>) -> Outcome {
        let limit = frame.limit;
        let checkpoint = self.state.checkpoint();
        let mut end = self.frame(frame);
        if let Some(new) = creates {
            self.deposit(new, &mut end);
        }
        match end.ended {
            Ended::Success => {
                for address in std::mem::take(&mut self.destroyed) {
                    self.state.remove(address);
                }
            }
            Ended::Revert
            | Ended::BadJumpDestination
            | Ended::OutOfMemory
            | Ended::StackTooSmall
            | Ended::StackTooLarge
            | Ended::IllegalOperation
            | Ended::OutOfEnergy
            | Ended::Unknown
            | Ended::TransferFailed
            | Ended::InvalidCode => {
                self.state.roll_back(checkpoint);
                self.logs.clear();
            }
        }
        let spent = limit.saturating_sub(end.left);
        Outcome {
            ended: end.ended,
            message: end.message,
            output: end.output,
            logs: self.logs,
            energy: i64::try_from(spent).unwrap_or(i64::MAX),
            penalty: i64::try_from(self.penalty).unwrap_or(i64::MAX),
        }
    }
}
