//! Accounts, contracts and their storage, with a journal to take changes back.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Bytes, U256};
use revm_interpreter::bytecode::Bytecode;

use crate::{Address, resources::Usage};

/// An account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Whether it is a contract's.
    pub(crate) is_contract: bool,
    /// Sun.
    pub(crate) balance: i64,
    pub(crate) create_time_ms: i64,
    pub(crate) latest_operation_time_ms: i64,
    /// Bytes a day from stake.
    pub(crate) net_points: i64,
    pub(crate) net: Usage,
    pub(crate) free_net: Usage,
    /// Energy a day from stake.
    pub(crate) energy_points: i64,
    pub(crate) energy: Usage,
}

/// A contract.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    /// Who deployed it.
    pub(crate) origin: Address,
    /// What part of the energy its callers pay, in percent.
    pub(crate) consumer_pays_percent: i64,
    /// The most energy the origin pays for one call.
    pub(crate) origin_energy_limit: i64,
    /// How much more than its energy a call costs, in ten-thousandths.
    pub(crate) energy_factor: i64,
    pub(crate) name: String,
    pub(crate) deployed: Bytes,
    /// What runs.
    pub(crate) code: Bytecode,
}

impl Contract {
    /// One that runs nothing yet, whose callers pay for everything.
    pub(crate) fn new(origin: Address, deployed: Bytes) -> Self {
        Self {
            origin,
            consumer_pays_percent: 100,
            origin_energy_limit: 0,
            energy_factor: 0,
            name: String::new(),
            deployed,
            code: Bytecode::default(),
        }
    }
}

/// What a change was before it.
#[derive(Clone, Debug)]
enum Undo {
    Account(Address, Option<Account>),
    Contract(Address, Option<Contract>),
    Slot((Address, U256), Option<U256>),
    PublicNet(Usage),
}

/// The state after a block, or while one is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    accounts: Arc<BTreeMap<Address, Account>>,
    contracts: Arc<BTreeMap<Address, Contract>>,
    /// A slot that was set to zero in the running transaction is in here until it ends.
    slots: Arc<BTreeMap<(Address, U256), U256>>,
    public_net: Usage,
    journal: Vec<Undo>,
}

impl State {
    pub(crate) fn account(&self, address: &Address) -> Option<&Account> {
        self.accounts.get(address)
    }

    /// Sun; nothing if there is no such account.
    pub(crate) fn balance(&self, address: &Address) -> i64 {
        self.account(address).map_or(0, |account| account.balance)
    }

    pub(crate) fn contract(&self, address: &Address) -> Option<&Contract> {
        self.contracts.get(address)
    }

    pub(crate) fn slot(&self, address: Address, key: U256) -> Option<U256> {
        self.slots.get(&(address, key)).copied()
    }

    pub(crate) fn public_net(&self) -> Usage {
        self.public_net
    }

    pub(crate) fn put_account(&mut self, address: Address, account: Account) {
        let before = Arc::make_mut(&mut self.accounts).insert(address, account);
        self.journal.push(Undo::Account(address, before));
    }

    /// Changes an account, which is created if there is none.
    pub(crate) fn change(&mut self, address: Address, change: impl FnOnce(&mut Account)) {
        let mut account = self.account(&address).cloned().unwrap_or_default();
        change(&mut account);
        self.put_account(address, account);
    }

    /// Creates a plain account if there is none.
    pub(crate) fn create(&mut self, address: Address, now_ms: i64) {
        if self.account(&address).is_none() {
            let account = Account { create_time_ms: now_ms, ..Account::default() };
            self.put_account(address, account);
        }
    }

    /// Adds to a balance, or takes from it. Nothing happens and the answer is `false` if there is
    /// too little, or more than can be.
    #[must_use]
    pub(crate) fn add(&mut self, address: Address, sun: i64) -> bool {
        let after = self.balance(&address).checked_add(sun).filter(|it| *it >= 0);
        if let Some(balance) = after {
            self.change(address, |account| account.balance = balance);
        }
        after.is_some()
    }

    pub(crate) fn put_contract(&mut self, address: Address, contract: Contract) {
        let before = Arc::make_mut(&mut self.contracts).insert(address, contract);
        self.journal.push(Undo::Contract(address, before));
    }

    pub(crate) fn put_slot(&mut self, address: Address, key: U256, value: U256) {
        let before = Arc::make_mut(&mut self.slots).insert((address, key), value);
        self.journal.push(Undo::Slot((address, key), before));
    }

    pub(crate) fn put_public_net(&mut self, usage: Usage) {
        self.journal.push(Undo::PublicNet(self.public_net));
        self.public_net = usage;
    }

    /// A contract destroys itself. Its storage stays, as in java-tron.
    pub(crate) fn remove(&mut self, address: Address) {
        let account = Arc::make_mut(&mut self.accounts).remove(&address);
        self.journal.push(Undo::Account(address, account));
        let contract = Arc::make_mut(&mut self.contracts).remove(&address);
        self.journal.push(Undo::Contract(address, contract));
    }

    /// Where [`State::roll_back`] can return to.
    pub(crate) fn checkpoint(&self) -> usize {
        self.journal.len()
    }

    /// Takes back all changes since the checkpoint.
    pub(crate) fn roll_back(&mut self, checkpoint: usize) {
        while self.journal.len() > checkpoint {
            let Some(undo) = self.journal.pop() else { return };
            match undo {
                Undo::Account(key, before) => restore(&mut self.accounts, key, before),
                Undo::Contract(key, before) => restore(&mut self.contracts, key, before),
                Undo::Slot(key, before) => restore(&mut self.slots, key, before),
                Undo::PublicNet(before) => self.public_net = before,
            }
        }
    }

    /// Ends a transaction: nothing can be taken back, and slots that are zero are gone.
    pub(crate) fn commit(&mut self) {
        for undo in std::mem::take(&mut self.journal) {
            if let Undo::Slot(key, _) = undo
                && self.slots.get(&key).is_some_and(U256::is_zero)
            {
                Arc::make_mut(&mut self.slots).remove(&key);
            }
        }
    }
}

fn restore<K: Ord + Clone, V: Clone>(map: &mut Arc<BTreeMap<K, V>>, key: K, before: Option<V>) {
    let map = Arc::make_mut(map);
    match before {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}
