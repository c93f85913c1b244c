//! A node with the contract that pays many recipients, a token, and a lane whose transactions are
//! made by the rail's code and signed by the signer.

use std::{cell::Cell, collections::BTreeSet};

use alloy_primitives::{Address, Bytes, U64, U256, hex, keccak256};
use domain::{
    catalog::{Asset, Destination},
    lane::Lane,
    money::Amount,
    ports::{Intent, Payment as Wanted, Signer, UnsignedTx},
};
use rail_evm::{
    Log, contract,
    pay_call::{Method, PayCall, Payment},
    tx::{Kind, Tx, join},
};
use serde::Deserialize;
use serde_json::{Value, json};
use signer::{Keystore, LocalSigner, Policy};

use crate::{
    anvil::{Anvil, program},
    scene::{self, CHAIN_ID, LANE, RECIPIENT},
};

/// What the lane offers for gas, in wei.
const GAS_PRICE: u128 = 100_000_000_000;

/// What a node tells of a transaction in a block.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    status: U64,
    gas_used: U64,
    effective_gas_price: U64,
    contract_address: Option<Address>,
    pub(crate) logs: Vec<Log>,
}

impl Receipt {
    pub(crate) fn succeeded(&self) -> bool {
        self.status == U64::ONE
    }

    pub(crate) fn gas(&self) -> u64 {
        self.gas_used.to()
    }

    /// What the lane was charged, in wei.
    pub(crate) fn fee(&self) -> u128 {
        self.gas_used.to::<u128>() * self.effective_gas_price.to::<u128>()
    }
}

/// The stage.
pub(crate) struct Bulk {
    pub(crate) anvil: Anvil,
    pub(crate) token: Address,
    /// How much gas it took to put the contract there.
    pub(crate) deployment_gas: u64,
    /// How much gas the lane's last delegation took.
    pub(crate) delegation_gas: Cell<u64>,
    signer: LocalSigner,
}

pub(crate) fn lane() -> Address {
    LANE.parse().unwrap()
}

/// An account that nobody used before, unless it was paid under the same name and number.
pub(crate) fn somebody(name: &str, number: u64) -> Address {
    Address::from_word(keccak256(format!("{name} {number}")))
}

/// Payments to so many accounts; all amounts take three bytes.
pub(crate) fn payments(name: &str, count: u64) -> Vec<Payment> {
    let payment = |number| Payment {
        recipient: somebody(name, number),
        amount: 1_000_000 + u128::from(number),
    };
    (0..count).map(payment).collect()
}

/// The data of a call: the first bytes of the hash of what is called, and words.
pub(crate) fn data(signature: &str, words: &[U256]) -> Bytes {
    let selector = keccak256(signature)[..4].to_vec();
    let words = words.iter().flat_map(U256::to_be_bytes::<32>);
    selector.into_iter().chain(words).collect()
}

pub(crate) fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

impl Bulk {
    /// A node with a token of which the lane has a good deal, and the contract, which is approved;
    /// `None` if no tests with real nodes are wanted.
    pub(crate) async fn start() -> Option<Self> {
        let anvil = Anvil::start(&program()?);
        let mnemonic = "test test test test test test test test test test test junk";
        let keystore = Keystore::in_memory(mnemonic, [1; 32]).unwrap();
        let signer = LocalSigner::new(keystore, Policy::default());
        let mut bulk = Self {
            anvil,
            token: Address::ZERO,
            deployment_gas: 0,
            delegation_gas: Cell::new(0),
            signer,
        };
        let code = include_str!("../data/BulkToken.hex");
        bulk.token = bulk.create(hex::decode(code.trim()).unwrap()).await;
        let words = [word(lane()), U256::from(10).pow(U256::from(29))];
        bulk.admin(bulk.token, data("transfer(address,uint256)", &words)).await;
        let (to, data) = (contract::PROXY, contract::deployment());
        let deployed = bulk.call(RECIPIENT, to, U256::ZERO, data).await;
        assert!(deployed.succeeded());
        bulk.deployment_gas = deployed.gas();
        bulk.approve(U256::MAX).await;
        Some(bulk)
    }

    /// Lets the contract take so much of the lane's tokens.
    pub(crate) async fn approve(&self, amount: U256) {
        let words = [word(contract::ADDRESS), amount];
        let data = data("approve(address,uint256)", &words);
        let receipt = self.call(LANE, self.token, U256::ZERO, data).await;
        assert!(receipt.succeeded());
    }

    /// A transaction of an account that the node has the key of.
    pub(crate) async fn call(&self, from: &str, to: Address, value: U256, data: Bytes) -> Receipt {
        self.send_unlocked(json!({"from": from, "to": to, "value": value, "data": data})).await
    }

    async fn send_unlocked(&self, mut call: Value) -> Receipt {
        call["gas"] = json!("0x500000");
        let hash: String = self.anvil.ask("eth_sendTransaction", json!([call])).await;
        self.receipt(&hash).await
    }

    async fn receipt(&self, hash: &str) -> Receipt {
        self.anvil.mine(1).await;
        self.anvil.ask("eth_getTransactionReceipt", json!([hash])).await
    }

    /// A transaction that is not the lane's and succeeds.
    pub(crate) async fn admin(&self, to: Address, data: Bytes) {
        assert!(self.call(RECIPIENT, to, U256::ZERO, data).await.succeeded());
    }

    async fn create(&self, code: Vec<u8>) -> Address {
        let call = json!({"from": RECIPIENT, "data": Bytes::from(code)});
        let receipt = self.send_unlocked(call).await;
        assert!(receipt.succeeded());
        receipt.contract_address.unwrap()
    }

    /// A recipient of coins that is a program.
    pub(crate) async fn program(&self, habit: u8) -> Address {
        let code = hex::decode(include_str!("../data/BulkRecipient.hex").trim()).unwrap();
        let habit = U256::from(habit).to_be_bytes::<32>();
        let contract = word(contract::ADDRESS).to_be_bytes::<32>();
        self.create([code, habit.to_vec(), contract.to_vec()].concat()).await
    }

    pub(crate) async fn set_habit(&self, habit: u8) {
        self.admin(self.token, data("setHabit(uint8)", &[U256::from(habit)])).await;
    }

    pub(crate) async fn code(&self, of: Address) -> Bytes {
        self.anvil.ask("eth_getCode", json!([of, "latest"])).await
    }

    pub(crate) async fn coins(&self, of: Address) -> u128 {
        self.anvil.balance(&of.to_string()).await
    }

    pub(crate) async fn tokens(&self, of: Address) -> u128 {
        self.anvil.token_balance(&self.token.to_string(), &of.to_string()).await
    }

    /// What somebody holds of what a call pays.
    pub(crate) async fn held(&self, call: &PayCall, by: Address) -> u128 {
        if call.token().is_some() { self.tokens(by).await } else { self.coins(by).await }
    }

    pub(crate) async fn count(&self) -> u64 {
        let count: U64 = self.anvil.ask("eth_getTransactionCount", json!([LANE, "latest"])).await;
        count.to()
    }

    /// A call of the lane, as nodes want to be asked about it.
    pub(crate) fn question(call: &PayCall) -> Value {
        let (to, value, data) = (call.target(lane()), call.value(), call.input());
        json!({"from": LANE, "to": to, "value": value, "data": data})
    }

    /// Which payments the node expects to fail.
    pub(crate) async fn would_fail(&self, call: &PayCall) -> BTreeSet<usize> {
        let question = json!([Self::question(call), "latest"]);
        let returned: Bytes = self.anvil.ask("eth_call", question).await;
        call.would_fail(&returned).unwrap()
    }

    pub(crate) async fn estimate(&self, call: &PayCall) -> u64 {
        let gas: U64 = self.anvil.ask("eth_estimateGas", json!([Self::question(call)])).await;
        gas.to()
    }

    fn tx(kind: Kind, nonce: u64, gas_limit: u64) -> (Tx, Amount) {
        let tx = Tx {
            kind,
            chain_id: CHAIN_ID,
            nonce,
            gas_limit,
            max_fee_per_gas: GAS_PRICE,
            max_priority_fee_per_gas: GAS_PRICE,
            to: lane(),
            ..Tx::default()
        };
        (tx, Amount::from_units(GAS_PRICE * u128::from(gas_limit)).unwrap())
    }

    fn unsigned(tx: &Tx, fee_max: Amount) -> UnsignedTx {
        let (format, payload) = (tx.kind.format(), tx.payload());
        UnsignedTx {
            format,
            payload,
            sequence: Some(tx.nonce),
            sequences_used: 1,
            spends: vec![],
            fee_max,
        }
    }

    async fn hand_over(&self, unsigned: &UnsignedTx, signature: &[u8]) -> Receipt {
        let (hash, raw) = join(unsigned.format, &unsigned.payload, signature).unwrap();
        let told: String =
            self.anvil.ask("eth_sendRawTransaction", json!([hex::encode_prefixed(raw)])).await;
        assert_eq!(told, hash.to_string());
        self.receipt(&told).await
    }

    fn signing_lane() -> Lane {
        Lane { key_path: "m/44'/60'/0'/0/0".to_owned(), ..scene::lane(0) }
    }

    /// Sends a call of the lane: made by the rail, checked and signed by the signer.
    pub(crate) async fn pay(&self, kind: Kind, call: &PayCall, gas_limit: u64) -> Receipt {
        let (tx, fee_max) = Self::tx(kind, self.count().await, gas_limit);
        let tx = Tx { to: call.target(lane()), value: call.value(), input: call.input(), ..tx };
        let unsigned = Self::unsigned(&tx, fee_max);
        let asset: Asset =
            call.token().map_or_else(scene::coin, |token| scene::token(&token.to_string()));
        let payment = |it: &Payment| Wanted {
            asset: asset.clone(),
            destination: Destination { address: it.recipient.to_string(), memo: None },
            amount: Amount::from_units(it.amount).unwrap(),
        };
        let intent = Intent {
            chore: None,
            network: scene::network("finalized"),
            payments: call.payments().iter().map(payment).collect(),
            fee_max,
            sequence: Some(tx.nonce),
            spends: vec![],
        };
        let signature = self.signer.sign(&Self::signing_lane(), &unsigned, &intent).await.unwrap();
        self.hand_over(&unsigned, &signature.0).await
    }

    /// Makes the lane's account run the contract's code.
    pub(crate) async fn delegate(&self) -> Receipt {
        let kind = Kind::Eip7702 { delegate: contract::ADDRESS };
        let (tx, fee_max) = Self::tx(kind, self.count().await, 60_000);
        let unsigned = Self::unsigned(&tx, fee_max);
        let lane = Self::signing_lane();
        let signature = self.signer.sign_delegation(&lane, &unsigned, CHAIN_ID, fee_max).unwrap();
        let receipt = self.hand_over(&unsigned, &signature).await;
        self.delegation_gas.set(receipt.gas());
        receipt
    }

    /// A call of the lane by `method`, delegating first if need be.
    pub(crate) async fn by(
        &self,
        method: Method,
        token: Option<Address>,
        payments: Vec<Payment>,
    ) -> PayCall {
        if method == Method::Delegate && self.code(lane()).await.is_empty() {
            assert!(self.delegate().await.succeeded());
        }
        PayCall::new(method, token, payments).unwrap()
    }
}
