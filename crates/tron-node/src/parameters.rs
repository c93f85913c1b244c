//! What the network's committee decides, and what the operator of a node configures.

/// The parameters. Money is in sun (a millionth of a TRX). All may be changed at any time; they
/// hold for what is handed over and for what is mined from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "proposals and options are on or off")]
pub struct Parameters {
    /// `getEnergyFee`: the price of one unit of energy.
    pub energy_price: i64,
    /// `getTransactionFee`: the price of one byte.
    pub byte_price: i64,
    /// `getFreeNetLimit`: bytes a day that are free for every account.
    pub free_net: i64,
    /// What all accounts together may use of their free bytes in a day.
    pub public_net: i64,
    /// `getCreateNewAccountFeeInSystemContract`: who sends TRX to a new account pays this on top.
    pub new_account_fee: i64,
    /// `getCreateAccountFee`: and this, unless staked bandwidth is enough.
    pub create_account_fee: i64,
    /// `getCreateNewAccountBandwidthRate`: how many times its size such a transaction takes of the
    /// staked bandwidth.
    pub new_account_net_rate: i64,
    /// `getMemoFee`: for a transaction with `data`.
    pub memo_fee: i64,
    /// `getMaxFeeLimit`.
    pub max_fee_limit: i64,
    /// `getForbidTransferToContract`: TRX cannot be sent to contracts by a plain transfer.
    pub forbid_transfer_to_contract: bool,
    /// `getAllowDynamicEnergy`: the factors of contracts count.
    pub dynamic_energy: bool,
    /// `getAllowEnergyAdjustment`: `MLOAD`, `MSTORE` and `SELFDESTRUCT` have their newer costs.
    pub energy_adjustment: bool,
    /// `getConsensusLogicOptimization`: a block has no transaction that expires before its own
    /// slot. Off, the older and laxer rule holds: what expires after the parent's time may be in.
    pub strict_expiration: bool,
    /// `getTotalEnergyCurrentLimit` and the stake behind it, for `getaccountresource`.
    pub total_energy_limit: i64,
    /// The TRX that are staked for it.
    pub total_energy_weight: i64,
    /// `getTotalNetLimit`.
    pub total_net_limit: i64,
    /// The TRX that are staked for it.
    pub total_net_weight: i64,
    /// The answer to `getenergyprices`: `time:price` of each change, with commas between. The
    /// last should agree with [`Parameters::energy_price`].
    pub energy_price_history: String,

    /// `vm.estimateEnergy`: whether `estimateenergy` is answered. Off by default, as in
    /// java-tron.
    pub estimate_energy: bool,
    /// `vm.maxEnergyLimitForConstant`: what a constant call may use.
    pub constant_energy_limit: i64,
    /// `node.pendingTransactionTimeout`: how long a transaction waits in the pool, in ms of the
    /// chain's time, before the node forgets it. `i64::MAX` for ever.
    pub pending_timeout_ms: i64,
    /// `node.maxTransactionPendingSize`: with more than so many in the pool, the node is busy.
    pub pending_max: usize,
    /// `node.rpc.trxCacheEnable`: everything that was ever handed over is refused the second
    /// time, also what was refused the first time. Off by default, as in java-tron.
    pub remember_ids: bool,
}

impl Default for Parameters {
    /// Mainnet's, as of 2025.
    fn default() -> Self {
        Self {
            energy_price: 100,
            byte_price: 1_000,
            free_net: 600,
            public_net: 14_400_000_000,
            new_account_fee: 1_000_000,
            create_account_fee: 100_000,
            new_account_net_rate: 1,
            memo_fee: 1_000_000,
            max_fee_limit: 15_000_000_000,
            forbid_transfer_to_contract: true,
            dynamic_energy: true,
            energy_adjustment: true,
            strict_expiration: false,
            total_energy_limit: 180_000_000_000,
            total_energy_weight: 19_000_000_000,
            total_net_limit: 43_200_000_000,
            total_net_weight: 27_000_000_000,
            energy_price_history: "0:100".to_owned(),
            estimate_energy: false,
            constant_energy_limit: 100_000_000,
            pending_timeout_ms: 60_000,
            pending_max: 2_000,
            remember_ids: false,
        }
    }
}
