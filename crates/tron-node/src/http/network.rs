//! What holds for all.

use serde_json::{Value, json};

use super::fields::Fields;
use crate::{
    Parameters,
    chain::{Chain, Constant},
};

/// `getchainparameters`. Those that are zero have no value.
pub(super) fn parameters(chain: &Chain) -> Value {
    let list: Vec<Value> = all(&chain.parameters)
        .into_iter()
        .map(|(key, value)| Fields::default().text("key", key).int("value", value).into())
        .collect();
    json!({ "chainParameter": list })
}

fn all(it: &Parameters) -> Vec<(&'static str, i64)> {
    vec![
        ("getMaintenanceTimeInterval", 21_600_000),
        ("getAccountUpgradeCost", 9_999_000_000),
        ("getCreateAccountFee", it.create_account_fee),
        ("getTransactionFee", it.byte_price),
        ("getAssetIssueFee", 1_024_000_000),
        ("getWitnessPayPerBlock", 8_000_000),
        ("getCreateNewAccountFeeInSystemContract", it.new_account_fee),
        ("getCreateNewAccountBandwidthRate", it.new_account_net_rate),
        ("getAllowCreationOfContracts", 1),
        ("getEnergyFee", it.energy_price),
        ("getMaxCpuTimeOfOneTx", 80),
        ("getAllowSameTokenName", 1),
        ("getAllowDelegateResource", 1),
        ("getTotalEnergyLimit", it.total_energy_limit),
        ("getAllowTvmTransferTrc10", 1),
        ("getTotalEnergyCurrentLimit", it.total_energy_limit),
        ("getAllowMultiSign", 1),
        ("getAllowAdaptiveEnergy", 0),
        ("getUpdateAccountPermissionFee", 100_000_000),
        ("getMultiSignFee", 1_000_000),
        ("getAllowTvmConstantinople", 1),
        ("getAllowTvmSolidity059", 1),
        ("getAllowTvmIstanbul", 1),
        ("getForbidTransferToContract", i64::from(it.forbid_transfer_to_contract)),
        ("getAllowTransactionFeePool", 0),
        ("getMaxFeeLimit", it.max_fee_limit),
        ("getAllowOptimizeBlackHole", 1),
        ("getAllowTvmLondon", 1),
        ("getAllowTvmCompatibleEvm", 0),
        ("getFreeNetLimit", it.free_net),
        ("getTotalNetLimit", it.total_net_limit),
        ("getMemoFee", it.memo_fee),
        ("getUnfreezeDelayDays", 14),
        ("getAllowDynamicEnergy", i64::from(it.dynamic_energy)),
        ("getDynamicEnergyThreshold", 5_000_000_000),
        ("getDynamicEnergyIncreaseFactor", 2_000),
        ("getDynamicEnergyMaxFactor", 34_000),
        ("getAllowTvmShangHai", 1),
        ("getAllowCancelAllUnfreezeV2", 1),
        ("getAllowEnergyAdjustment", i64::from(it.energy_adjustment)),
        ("getMaxCreateAccountTxSize", 1_000),
        ("getConsensusLogicOptimization", i64::from(it.strict_expiration)),
    ]
}

/// `getenergyprices`.
pub(super) fn energy_prices(chain: &Chain) -> Value {
    Fields::default().text("prices", &chain.parameters.energy_price_history).into()
}

/// `getnodeinfo`, as far as clients look at it.
pub(super) fn node_info(chain: &Chain) -> Value {
    let name = |view| {
        let block = chain.newest(view);
        format!("Num:{},ID:{}", block.header.number, block.id_hex())
    };
    json!({
        "beginSyncNum": chain.head_number(),
        "block": name(Constant::Newest),
        "solidityBlock": name(Constant::Solid),
        "currentConnectCount": 1,
        "activeConnectCount": 1,
        "configNodeInfo": { "codeVersion": "4.8.0", "supportConstant": true },
    })
}
