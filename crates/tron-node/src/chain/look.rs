//! What tests and clients see.

use alloy_primitives::{Bytes, U256};

use super::{Chain, TxId};
use crate::{
    Address, Receipt,
    block::Block,
    state::State,
    trigger,
    tvm::{Machine, Outcome, Surroundings},
    wire::Trigger,
};

/// Where a constant call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Constant {
    /// On the newest block and what waits.
    Newest,
    /// On the newest solid block.
    Solid,
}

impl Chain {
    /// The number of the newest block.
    pub fn head_number(&self) -> i64 {
        self.head().header.number
    }

    /// The number of the newest solid block.
    pub fn solid_number(&self) -> i64 {
        self.blocks[self.solid].header.number
    }

    /// The time of the newest block, in ms.
    pub fn head_time_ms(&self) -> i64 {
        self.head().header.timestamp
    }

    /// The id of a block.
    pub fn block_id(&self, number: i64) -> Option<[u8; 32]> {
        self.block(number).map(|block| block.id)
    }

    /// The transactions of a block, in order.
    pub fn block_transactions(&self, number: i64) -> Vec<TxId> {
        let block = self.block(number);
        block.map_or(vec![], |block| block.transactions.iter().map(|it| it.tx.id).collect())
    }

    /// What waits, in order.
    pub fn pending(&self) -> Vec<TxId> {
        self.pool.iter().map(|it| it.tx.id).collect()
    }

    /// The number of the block that a transaction is in, and what became of it there.
    pub fn receipt(&self, id: &TxId) -> Option<(i64, &Receipt)> {
        let (block, place) = self.place(id)?;
        Some((block.header.number, block.transactions[place].receipt.as_ref()))
    }

    /// How many sun an account has after the newest block; `None` if there is none.
    pub fn balance(&self, address: &Address) -> Option<i64> {
        self.state().account(address).map(|account| account.balance)
    }

    /// How many tokens an address has after the newest block; `None` if the contract does not
    /// say.
    pub fn token_balance(&self, contract: Address, address: &Address) -> Option<U256> {
        let mut data = vec![0x70, 0xa0, 0x82, 0x31];
        data.extend([0; 12]);
        data.extend(address.tail());
        let output = self.ask(contract, &data)?;
        Some(U256::from_be_slice(output.get(..32)?))
    }

    /// The newest block of a view.
    pub(crate) fn newest(&self, view: Constant) -> &Block {
        match view {
            Constant::Newest => self.head(),
            Constant::Solid => &self.blocks[self.solid],
        }
    }

    /// The state of a view.
    pub(crate) fn view(&self, view: Constant) -> &State {
        match view {
            Constant::Newest => self.pending_state(),
            Constant::Solid => self.solid_state(),
        }
    }

    /// Calls a contract, or creates one if there is no address, and changes nothing.
    ///
    /// # Errors
    /// java-tron's text if the call cannot be made.
    pub(crate) fn constant(
        &self,
        trigger: &Trigger,
        view: Constant,
        fee_limit: Option<i64>,
    ) -> Result<Outcome, String> {
        let mut state = self.view(view).clone();
        let block = self.newest(view);
        let scene = self.scene(block, &block.header, &self.parameters);
        let caller = Address::from_bytes(&trigger.owner_address);
        let surroundings = Surroundings { origin: caller.unwrap_or(NOBODY), ..scene.surroundings };
        let price = self.parameters.energy_price.max(1);
        let most = self.parameters.constant_energy_limit;
        let limit = fee_limit.map_or(most, |fee_limit| most.min(fee_limit / price));
        let input = Bytes::from(trigger.data.clone());
        let value = trigger.call_value;
        if trigger.contract_address.is_empty() {
            let new = Address::from_tail([0xcc; 20]);
            let contract = crate::state::Contract::new(surroundings.origin, input.clone());
            trigger::put_contract(&mut state, new, contract, surroundings.time_ms);
            trigger::move_value(&mut state, surroundings.origin, new, value)?;
            return Ok(Machine::new(&mut state, &surroundings).create(new, value, input, limit));
        }
        let known = Address::from_bytes(&trigger.contract_address);
        if known.is_none_or(|it| state.contract(&it).is_none()) {
            return Err("Smart contract is not exist.".to_owned());
        }
        let to = trigger::contract_of(trigger, &state)?;
        trigger::move_value(&mut state, surroundings.origin, to, value)?;
        Ok(Machine::new(&mut state, &surroundings).call(to, value, input, limit))
    }

    /// A number that is never given twice.
    pub(crate) fn next_made(&mut self) -> u64 {
        self.made += 1;
        self.made
    }
}

const NOBODY: Address = Address::from_tail([0; 20]);
