//! What tests put into the chain without a transaction. It is in all states that are kept, so it
//! survives a reorganisation and is solid at once.

use alloy_primitives::{B256, Bytes};

use super::{Chain, WITNESS};
use crate::{
    Address, Ended,
    state::{Contract, State},
    trigger,
    tvm::{Machine, Outcome, Surroundings},
};

/// How a contract is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deploy {
    /// What part of the energy its callers pay, in percent.
    pub consumer_pays_percent: i64,
    /// The most energy that who deployed it pays for one call.
    pub origin_energy_limit: i64,
    /// How much more than its energy a call costs, in ten-thousandths.
    pub energy_factor: i64,
    /// Sun that it gets.
    pub value: i64,
}

impl Default for Deploy {
    /// Callers pay for everything, and no more than it is.
    fn default() -> Self {
        Self { consumer_pays_percent: 100, origin_energy_limit: 0, energy_factor: 0, value: 0 }
    }
}

/// Energy that set-up may use.
const MUCH: i64 = 1_000_000_000_000;

impl Chain {
    /// Gives an account so many sun, or takes them; creates it.
    ///
    /// # Panics
    /// If it would have less than nothing.
    pub fn fund(&mut self, address: Address, sun: i64) {
        self.everywhere(|state, surroundings| {
            state.create(address, surroundings.time_ms);
            assert!(state.add(address, sun), "{address} has less than that");
        });
    }

    /// Creates an account that has nothing.
    pub fn activate(&mut self, address: Address) {
        self.fund(address, 0);
    }

    /// Gives an account so much energy a day, as stake does.
    pub fn stake_energy(&mut self, address: Address, points: i64) {
        self.everywhere(|state, _| state.change(address, |it| it.energy_points = points));
    }

    /// Gives an account so many bytes a day, as stake does.
    pub fn stake_net(&mut self, address: Address, points: i64) {
        self.everywhere(|state, _| state.change(address, |it| it.net_points = points));
    }

    /// Deploys a contract; returns its address. The code is what creates it, in hexadecimal
    /// digits or with arguments appended.
    ///
    /// # Panics
    /// If it fails.
    pub fn deploy(&mut self, code: &[u8], owner: Address, deploy: &Deploy) -> Address {
        let hash = alloy_primitives::keccak256(self.next_made().to_be_bytes());
        let mut tail = [0; 20];
        tail.copy_from_slice(&hash[12..]);
        let (address, code) = (Address::from_tail(tail), Bytes::copy_from_slice(code));
        self.everywhere(|state, surroundings| {
            let contract = Contract {
                consumer_pays_percent: deploy.consumer_pays_percent,
                origin_energy_limit: deploy.origin_energy_limit,
                energy_factor: deploy.energy_factor,
                ..Contract::new(owner, code.clone())
            };
            trigger::put_contract(state, address, contract, surroundings.time_ms);
            assert!(state.add(address, deploy.value), "a contract has nothing at first");
            let surroundings = Surroundings { origin: owner, ..surroundings.clone() };
            let machine = Machine::new(state, &surroundings);
            let outcome = machine.create(address, deploy.value, code.clone(), MUCH);
            assert_eq!(outcome.ended, Ended::Success, "{}", outcome.message);
        });
        address
    }

    /// Changes a contract's factor, in ten-thousandths.
    pub fn energy_factor(&mut self, contract: Address, factor: i64) {
        self.everywhere(|state, _| {
            if let Some(found) = state.contract(&contract).cloned() {
                state.put_contract(contract, Contract { energy_factor: factor, ..found });
            }
        });
    }

    /// Calls a contract; returns what it says.
    ///
    /// # Panics
    /// If it fails.
    pub fn call_as(&mut self, caller: Address, contract: Address, data: &[u8]) -> Bytes {
        let data = Bytes::copy_from_slice(data);
        let mut output = Bytes::new();
        self.everywhere(|state, surroundings| {
            let outcome = call(state, surroundings, caller, contract, data.clone());
            assert_eq!(outcome.ended, Ended::Success, "{}", outcome.message);
            output = outcome.output;
        });
        output
    }

    /// What a contract would say now, after the newest block.
    pub fn ask(&self, contract: Address, data: &[u8]) -> Option<Bytes> {
        let mut state = self.state().clone();
        let surroundings = self.surroundings();
        let data = Bytes::copy_from_slice(data);
        let outcome = call(&mut state, &surroundings, WITNESS, contract, data);
        (outcome.ended == Ended::Success).then_some(outcome.output)
    }

    fn surroundings(&self) -> Surroundings {
        let head = self.head();
        self.scene(head, &head.header, &self.parameters).surroundings
    }

    /// Changes all states that are kept, oldest first.
    fn everywhere(&mut self, mut change: impl FnMut(&mut State, &Surroundings)) {
        let mut surroundings = self.surroundings();
        surroundings.txid = B256::from(self.blocks[0].id);
        for block in &mut self.blocks {
            if let Some(state) = &mut block.state {
                change(state, &surroundings);
                state.commit();
            }
        }
        self.push_again();
    }
}

fn call(
    state: &mut State,
    surroundings: &Surroundings,
    caller: Address,
    contract: Address,
    data: Bytes,
) -> Outcome {
    let surroundings = Surroundings { origin: caller, ..surroundings.clone() };
    Machine::new(state, &surroundings).call(contract, 0, data, MUCH)
}
