//! A transaction as it was decided on, before it becomes bytes.

use alloy_primitives::{Address, U256, keccak256};
use domain::{money::Amount, ports::UnsignedTx};

use crate::{
    errand::Errand,
    fees::{Fees, Market},
    settings::{FeeModel, Parameters},
    transfer::Transfer,
    tx::Tx,
};

/// Everything a transaction says, and the most that it can cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// What it is bound to (EIP-155).
    pub(crate) chain_id: u64,
    /// The lane's number for it.
    pub(crate) nonce: u64,
    /// How much gas it may take.
    pub(crate) gas_limit: u64,
    /// What it offers for a unit of gas. Under [`FeeModel::Legacy`] both figures are the price.
    pub(crate) fees: Fees,
    /// How it says so.
    pub(crate) fee_model: FeeModel,
    /// Who makes it.
    pub(crate) lane: Address,
    /// What it does.
    pub(crate) errand: Errand,
    /// The most that it can cost, in wei, with what the parent chain may take.
    pub(crate) fee_max: Amount,
}

impl Terms {
    /// A transaction of the size that payments have: quotes ask what one like it costs.
    pub(crate) fn typical(
        parameters: &Parameters,
        token: Option<Address>,
        gas_limit: u64,
        market: Market,
    ) -> Self {
        let recipient = Address::from_word(keccak256(b"recipient"));
        let amount = U256::from(1_234_567_891_234_567_891_u64);
        let max_fee = market.base_fee.saturating_mul(2).saturating_add(market.tip);
        Self {
            chain_id: parameters.chain_id,
            nonce: 1_000_000,
            gas_limit,
            fees: Fees { max_fee, tip: market.tip },
            fee_model: parameters.fee_model,
            lane: Address::from_word(keccak256(b"lane")),
            errand: Errand::Pay(Transfer { token, recipient, amount }),
            fee_max: Amount::ZERO,
        }
    }

    /// What the signer gets.
    pub(crate) fn unsigned(&self) -> UnsignedTx {
        let tx = self.tx();
        UnsignedTx {
            format: tx.kind.format(),
            payload: tx.payload(),
            sequence: Some(self.nonce),
            sequences_used: self.errand.numbers_used(),
            spends: vec![],
            fee_max: self.fee_max,
        }
    }

    /// The transaction. The price of [`FeeModel::Legacy`] is `fees.max_fee`.
    pub(crate) fn tx(&self) -> Tx {
        Tx {
            kind: self.errand.kind(self.fee_model),
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.fees.max_fee,
            max_priority_fee_per_gas: self.fees.tip,
            to: self.errand.target(self.lane),
            value: self.errand.value(),
            input: self.errand.input(),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        catalog::Network,
        ids::{AssetId, NetworkId},
    };

    use super::*;
    use crate::tx::Sent;

    fn typical(token: Option<Address>) -> Terms {
        let parameter = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let network = Network {
            id: NetworkId::new("testnet"),
            title: String::new(),
            family: "evm".to_owned(),
            fee_asset: AssetId::new("ETH@testnet"),
            explorer_url: String::new(),
            has_priorities: false,
            parameters: [("chain_id", "10"), ("finality", "safe")].map(parameter).into(),
        };
        let parameters = Parameters::of(&network).unwrap();
        let market = Market { block: 1, base_fee: 1_000_000, tip: 1_000_000 };
        Terms::typical(&parameters, token, 65_000, market)
    }

    #[test]
    fn a_typical_payment_is_one() {
        for token in [None, Some(Address::repeat_byte(7))] {
            let terms = typical(token);
            let tx = terms.tx();
            let sent = Sent { tx: tx.clone(), hash: keccak256(b"hash"), sender: terms.lane };
            assert_eq!(Errand::read(&sent), Some(terms.errand.clone()));
            assert_eq!((tx.chain_id, tx.gas_limit), (10, 65_000));
            let unsigned = terms.unsigned();
            assert_eq!((unsigned.format, unsigned.sequence), ("eip1559", Some(terms.nonce)));
        }
    }
}
