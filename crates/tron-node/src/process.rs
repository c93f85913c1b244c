//! Carries out transactions, on a block's state or on the pool's
//! (`Manager.processTransaction`, from where the checks are done).

use alloy_primitives::{B256, Bytes};

use crate::{
    Address, Ended, Log, Parameters,
    checks::Head,
    code::Refusal,
    net,
    state::State,
    transaction::{Deed, Transaction},
    transfer, trigger,
    tvm::Surroundings,
};

/// What became of a transaction.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// How it ended.
    pub ended: Ended,
    /// Whether it deployed or called a contract.
    pub(crate) is_contract: bool,
    /// java-tron's words, if it went wrong.
    pub message: String,
    /// All that it cost but what it sent, in sun.
    pub fee: i64,
    /// Bytes that stake or the free ones paid.
    pub net_usage: i64,
    /// Sun for bytes, or for the creation of an account.
    pub net_fee: i64,
    /// Energy from the caller's stake.
    pub energy_usage: i64,
    /// Sun for energy.
    pub energy_fee: i64,
    /// Energy from the stake of who deployed the contract.
    pub origin_energy_usage: i64,
    /// All energy, with the penalty.
    pub energy_usage_total: i64,
    /// What the contract's factor added.
    pub energy_penalty_total: i64,
    /// What the contract answered.
    pub output: Bytes,
    /// The contract.
    pub contract: Option<Address>,
    /// What contracts have logged.
    pub logs: Vec<Log>,
}

impl Default for Receipt {
    fn default() -> Self {
        Self {
            ended: Ended::Success,
            is_contract: false,
            message: String::new(),
            fee: 0,
            net_usage: 0,
            net_fee: 0,
            energy_usage: 0,
            energy_fee: 0,
            origin_energy_usage: 0,
            energy_usage_total: 0,
            energy_penalty_total: 0,
            output: Bytes::new(),
            contract: None,
            logs: vec![],
        }
    }
}

/// Where a transaction is carried out.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) parameters: &'a Parameters,
    /// The block that this is done on.
    pub(crate) head: Head,
    /// The block that this is done in, or would be.
    pub(crate) surroundings: Surroundings,
}

/// Carries it out. After a refusal the state must be taken back.
pub(crate) fn process(
    tx: &Transaction,
    state: &mut State,
    scene: &mut Scene<'_>,
) -> Result<Receipt, Refusal> {
    if let Deed::Count(count) = tx.deed {
        let text = format!(
            "tx {} contract size should be exactly 1, this is extend feature ,actual :{count}",
            tx.id_hex()
        );
        return Err(Refusal::invalid(text));
    }
    let mut receipt = Receipt::default();
    let owner = net::consume(tx, state, scene, &mut receipt)?;
    memo(tx, owner, state, scene, &mut receipt)?;
    scene.surroundings.origin = owner;
    scene.surroundings.txid = B256::from(tx.id);
    match &tx.deed {
        Deed::Transfer(it) => transfer::carry_out(it, state, scene, &mut receipt)?,
        Deed::Trigger(it) => trigger::call(it, tx, state, scene, &mut receipt)?,
        Deed::Create(it) => trigger::create(it, tx, state, scene, &mut receipt)?,
        Deed::Other(kind) => {
            return Err(Refusal::invalid(format!("contract type {kind} is not modelled")));
        }
        Deed::Mismatch(what) => {
            return Err(Refusal::invalid(format!("contract type error, real type [{what}]")));
        }
        Deed::Count(_) => {}
    }
    receipt.fee += receipt.net_fee + receipt.energy_fee;
    Ok(receipt)
}

/// `consumeMemoFee`: whoever writes something beside the transaction pays for it.
fn memo(
    tx: &Transaction,
    owner: Address,
    state: &mut State,
    scene: &Scene<'_>,
    receipt: &mut Receipt,
) -> Result<(), Refusal> {
    let fee = scene.parameters.memo_fee;
    if tx.raw.data.is_empty() || fee == 0 {
        return Ok(());
    }
    if !state.add(owner, -fee) {
        return Err(Refusal::bandwidth());
    }
    receipt.fee += fee;
    Ok(())
}
