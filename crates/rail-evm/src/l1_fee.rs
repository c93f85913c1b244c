//! What networks charge for the place that a transaction takes on their parent chain (L1).
//!
//! **OP stack.** Beside its gas, a transaction pays a fee for its bytes, by the prices of L1 at the
//! moment when it is included (<https://specs.optimism.io/protocol/exec-engine.html>,
//! <https://specs.optimism.io/protocol/fjord/exec-engine.html>), and since Isthmus one for the
//! operator, by its gas (<https://specs.optimism.io/protocol/isthmus/exec-engine.html>). A
//! transaction cannot limit either: what is told here as the most is what it comes to if L1's prices
//! double.
//!
//! **Arbitrum.** The price of the bytes is turned into gas, which the node's estimate contains
//! (<https://docs.arbitrum.io/how-arbitrum-works/gas-fees>).

use alloy_primitives::{Address, Bytes, U128, U256, address};
use alloy_sol_types::{SolCall, sol};
use domain::ports::Unreachable;
use net::RpcError;

use crate::{
    node::{Node, Receipt, lost},
    terms::Terms,
};

/// The contract that knows the fees, at the same address on all networks of the OP stack.
const GAS_PRICE_ORACLE: Address = address!("0x420000000000000000000000000000000000000F");

/// What nodes of Arbitrum's networks answer to as if it were a contract.
const NODE_INTERFACE: Address = address!("0x00000000000000000000000000000000000000C8");

/// How much the fee for the bytes may grow until the transaction is included. L1's base fee and its
/// price of blobs rise by an eighth in a full block at the most (EIP-1559, EIP-4844), so it takes
/// them six full blocks, a minute and more, to double; the same as is allowed for the network's own.
const GROWTH: u128 = 2;

/// The operator's fee is per million units of gas (Isthmus).
const OPERATOR_SCALE: u128 = 1_000_000;

/// By how much the operator's fee for gas is multiplied since Jovian, instead of being divided
/// (<https://github.com/ethereum-optimism/specs>, `contracts/L2/gas-price-oracle.md`, which has all
/// formulas).
const OPERATOR_FACTOR_JOVIAN: u128 = 100;

sol! {
    interface GasPriceOracle {
        function getL1Fee(bytes transaction) external view returns (uint256);
        function isIsthmus() external view returns (bool);
        function getOperatorFee(uint256 gas) external view returns (uint256);
    }

    interface NodeInterface {
        function gasEstimateL1Component(address to, bool creates, bytes data) external payable
            returns (uint64 gas, uint256 baseFee, uint256 l1BaseFee);
    }
}

/// What the OP stack charges beside the gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpFee {
    /// For the transaction's bytes, in wei, at L1's prices of now.
    pub(crate) data: u128,
    /// For the operator, in wei, if all gas is used.
    pub(crate) operator: u128,
}

impl OpFee {
    /// The most that is reckoned with, in wei.
    pub(crate) fn most(self) -> u128 {
        self.data.saturating_mul(GROWTH).saturating_add(self.operator)
    }

    /// What it will be, in wei, as far as one can tell beforehand.
    pub(crate) fn expected(self) -> u128 {
        self.data.saturating_add(self.data / 4).saturating_add(self.operator)
    }
}

/// Asks what the OP stack charges for a transaction beside its gas. The contract wants the bytes
/// without a signature, and adds as much as one takes.
pub(crate) async fn op(node: &Node, block: u64, terms: &Terms) -> Result<OpFee, Unreachable> {
    let transaction = terms.tx().payload().into();
    let gas = U256::from(terms.gas_limit);
    let calls = [
        GasPriceOracle::getL1FeeCall { transaction }.abi_encode(),
        GasPriceOracle::isIsthmusCall {}.abi_encode(),
        GasPriceOracle::getOperatorFeeCall { gas }.abi_encode(),
    ];
    let calls = calls.map(|data| (GAS_PRICE_ORACLE, Bytes::from(data)));
    let [data, is_isthmus, operator] = node.contract_calls(&calls, block).await?;
    let data = wei(returned::<GasPriceOracle::getL1FeeCall>(data)?)?;
    // The question is younger than the contract: one that does not know it is older than Isthmus.
    let knows_isthmus = !matches!(is_isthmus, Err(RpcError::Refused { .. }));
    let operator = if knows_isthmus && returned::<GasPriceOracle::isIsthmusCall>(is_isthmus)? {
        wei(returned::<GasPriceOracle::getOperatorFeeCall>(operator)?)?
    } else {
        0
    };
    Ok(OpFee { data, operator })
}

/// Asks how much of the gas of a call is for the parent chain of an Arbitrum network.
pub(crate) async fn arbitrum_gas(
    node: &Node,
    block: u64,
    to: Address,
    data: Bytes,
) -> Result<u64, Unreachable> {
    let call = NodeInterface::gasEstimateL1ComponentCall { to, creates: false, data };
    let calls = [(NODE_INTERFACE, Bytes::from(call.abi_encode()))];
    let [answer] = node.contract_calls(&calls, block).await?;
    Ok(returned::<NodeInterface::gasEstimateL1ComponentCall>(answer)?.gas)
}

/// Reads what a contract returned.
fn returned<Call: SolCall>(answer: Result<Bytes, RpcError>) -> Result<Call::Return, Unreachable> {
    let output = answer.map_err(|error| lost(Call::SIGNATURE, &error))?;
    Call::abi_decode_returns(&output).map_err(|error| {
        tracing::warn!(call = Call::SIGNATURE, %error, "the answer about fees makes no sense");
        Unreachable
    })
}

fn wei(amount: U256) -> Result<u128, Unreachable> {
    u128::try_from(amount).map_err(|_| {
        tracing::warn!(%amount, "the answer about fees is more than there is of any coin");
        Unreachable
    })
}

/// What a transaction was charged in all, in wei; `None` if that is no number.
///
/// Receipts of the OP stack name the fee for the bytes, and for the operator's only what it is
/// reckoned from. That the network is past Jovian shows in a field that receipts have since then.
pub(crate) fn charged(receipt: &Receipt) -> Option<u128> {
    let gas_used = receipt.gas_used.to::<u128>();
    let units = |field: Option<U128>| field.map_or(0, |it| it.to::<u128>());
    let of_gas = gas_used.checked_mul(units(receipt.operator_fee_scalar))?;
    let of_gas = match receipt.da_footprint_gas_scalar {
        Some(_) => of_gas.checked_mul(OPERATOR_FACTOR_JOVIAN)?,
        None => of_gas / OPERATOR_SCALE,
    };
    let gas = gas_used.checked_mul(receipt.effective_gas_price.to())?;
    [units(receipt.l1_fee), of_gas, units(receipt.operator_fee_constant)]
        .into_iter()
        .try_fold(gas, u128::checked_add)
}

#[cfg(test)]
#[path = "l1_fee_tests.rs"]
mod tests;
