//! The network of a house: what it holds, and what others do to it.

use alloy_primitives::{U64, U256, hex};
use domain::{
    batch::Attempt,
    catalog::Asset,
    ids::{AssetId, LaneId, MerchantId},
    ledger::{Cause, LedgerAccount, Posting},
    ports::{ChangeSet, Store as _},
};
use serde_json::{Value, json};

use super::{House, OUTSIDER, amount};
use crate::{
    bulk::{data, word},
    scene::coin,
};

impl House {
    pub(crate) fn contract(&self) -> &str {
        self.token.contract.as_deref().unwrap()
    }

    pub(crate) async fn set_coins(&self, account: &str, units: u128) {
        let _: Value =
            self.anvil.ask("anvil_setBalance", json!([account, format!("{units:#x}")])).await;
    }

    pub(crate) async fn set_nonce(&self, account: &str, nonce: u64) {
        let params = json!([account, format!("{nonce:#x}")]);
        let _: Value = self.anvil.ask("anvil_setNonce", params).await;
    }

    pub(crate) async fn set_code(&self, account: &str, code: &str) {
        let _: Value = self.anvil.ask("anvil_setCode", json!([account, code])).await;
    }

    /// Brings a lane coins or tokens, so that it holds so much, or takes them away; books it.
    pub(crate) async fn fund(&self, lane: &LaneId, asset: &Asset, units: u128) {
        let account = self.lane(lane).address;
        let held = self.held_by(&account, asset).await;
        match asset.contract {
            Some(_) => self.set_tokens(&account, units).await,
            None => self.set_coins(&account, units).await,
        }
        let (wallet, owner) =
            (LedgerAccount::HotWallet(lane.clone()), LedgerAccount::Available(MerchantId(1)));
        let (debit, credit) = if units > held { (wallet, owner) } else { (owner, wallet) };
        let posting = Posting {
            at: self.now.get(),
            cause: Cause::Manual("what was brought or taken".to_owned()),
            asset: asset.id.clone(),
            debit,
            credit,
            amount: amount(units.abs_diff(held)),
        };
        let change = ChangeSet { postings: vec![posting], ..ChangeSet::default() };
        self.store.commit(change).await.unwrap();
    }

    /// What the next block asks for gas, in wei.
    pub(crate) async fn set_base_fee(&self, wei: u64) {
        let fee = json!([format!("{wei:#x}")]);
        let _: Value = self.anvil.ask("anvil_setNextBlockBaseFeePerGas", fee).await;
    }

    pub(crate) async fn set_tokens(&self, account: &str, units: u128) {
        self.token_call("setBalance(address,uint256)", account, units).await;
    }

    /// Somebody whom the token refuses without saying so to those who ask.
    pub(crate) async fn set_barred(&self, account: &str, value: bool) {
        self.token_call("setBarred(address,bool)", account, value.into()).await;
    }

    pub(crate) async fn set_blacklisted(&self, account: &str, value: bool) {
        self.token_call("setBlacklisted(address,bool)", account, value.into()).await;
    }

    async fn token_call(&self, signature: &str, account: &str, value: u128) {
        let words = [word(account.parse().unwrap()), U256::from(value)];
        self.tell_token(signature, &words).await;
    }

    /// A call of the token by an outsider. It is included before all that waits.
    pub(crate) async fn tell_token(&self, signature: &str, words: &[U256]) {
        self.outside(OUTSIDER, self.contract(), &hex::encode_prefixed(data(signature, words)))
            .await;
    }

    /// A transaction past the house that is included in a block of its own, although others wait.
    async fn outside(&self, from: &str, to: &str, data: &str) {
        let waiting: Value = self.anvil.ask("txpool_content", json!([])).await;
        let raws = self.take_out(&waiting).await;
        let call = json!([{"from": from, "to": to, "data": data, "gas": "0x60000"}]);
        let hash: String = self.anvil.ask("eth_sendTransaction", call).await;
        self.anvil.mine(1).await;
        let receipt: Value = self.anvil.ask("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1");
        for raw in raws {
            self.anvil.send_raw(&raw).await.unwrap();
        }
    }

    /// Takes all that waits out of the node's pool, and gives it back.
    async fn take_out(&self, waiting: &Value) -> Vec<Vec<u8>> {
        let is_waiting = |it: &Attempt| waiting.to_string().contains(it.tx.txid.as_str());
        let attempts = self.store.look(|it| {
            let attempts = it.batches.values().flat_map(|it| &it.attempts);
            attempts.filter(|it| is_waiting(it)).cloned().collect::<Vec<_>>()
        });
        for attempt in &attempts {
            self.drop_from_pool(attempt).await;
        }
        attempts.into_iter().map(|it| it.tx.raw).collect()
    }

    /// The node forgets a transaction.
    pub(crate) async fn drop_from_pool(&self, attempt: &Attempt) {
        let txid = attempt.tx.txid.as_str();
        let _: Value = self.anvil.ask("anvil_dropTransaction", json!([txid])).await;
    }

    /// Somebody else uses up a number of a lane, and forwards nothing.
    pub(crate) async fn use_key(&self, account: &str, nonce: u64) {
        let ours = self.store.look(|it| {
            let attempts = it.batches.values().flat_map(|it| &it.attempts);
            attempts.filter(|it| it.sequence == Some(nonce)).cloned().collect::<Vec<_>>()
        });
        for attempt in &ours {
            self.drop_from_pool(attempt).await;
        }
        let call = json!([{
            "from": account, "to": OUTSIDER, "nonce": format!("{nonce:#x}"), "gas": "0x5208",
            "gasPrice": "0x2540be400",
        }]);
        let _: String = self.anvil.ask("eth_sendTransaction", call).await;
        self.anvil.mine(1).await;
        assert!(self.count(account).await > nonce);
    }

    /// What an account holds of the coin and of the token.
    pub(crate) async fn on_chain(&self, account: &str) -> Vec<(AssetId, u128)> {
        let coins = self.anvil.balance(account).await;
        let tokens = self.anvil.token_balance(self.contract(), account).await;
        vec![(coin().id, coins), (self.token.id.clone(), tokens)]
    }

    pub(crate) async fn held_by(&self, account: &str, asset: &Asset) -> u128 {
        match &asset.contract {
            Some(contract) => self.anvil.token_balance(contract, account).await,
            None => self.anvil.balance(account).await,
        }
    }

    /// How many transactions an account has made, latest block.
    pub(crate) async fn count(&self, account: &str) -> u64 {
        let count: U64 =
            self.anvil.ask("eth_getTransactionCount", json!([account, "latest"])).await;
        count.to()
    }

    pub(crate) async fn receipt(&self, attempt: &Attempt) -> Option<Value> {
        let txid = attempt.tx.txid.as_str();
        self.anvil.ask("eth_getTransactionReceipt", json!([txid])).await
    }
}
