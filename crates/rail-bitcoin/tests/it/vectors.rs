//! Transactions that bitcoinjs-lib made (`tests/data/transactions.mjs`): equal to ours in every byte,
//! from the drafting over the signer to what is broadcast.

use std::collections::BTreeMap;

use bitcoin::{
    OutPoint, Transaction, Txid, consensus::encode::deserialize, consensus::encode::serialize,
};
use domain::{
    catalog::Catalog,
    ids::{LaneId, NetworkId},
    lane::Lane,
};
use rail_bitcoin::{
    drafting::{Coin, Draft, Order},
    fees::Price,
    lock,
    psbt::{self, Sent},
};
use serde::Deserialize;

use crate::wallet::{self, Wallet};

#[derive(Deserialize)]
struct Payment {
    address: String,
    amount_sat: u64,
}

#[derive(Deserialize)]
struct Origin {
    made_by: String,
    vout: u32,
    value_sat: u64,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    network: String,
    key_path: String,
    lane: String,
    payments: Vec<Payment>,
    coins: Vec<Origin>,
    change_sat: Option<u64>,
    fee_sat: u64,
    psbt: String,
    raw: String,
    txid: String,
    vsize: u64,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../data/transactions.json")).unwrap()
}

impl Vector {
    fn wallet(&self, catalog: &Catalog) -> Wallet {
        let lane = Lane {
            id: LaneId::new(&format!("{}/hot", self.network)),
            network: NetworkId::new(&self.network),
            address: self.lane.clone(),
            key_path: self.key_path.clone(),
            next_sequence: 0,
            version: 1,
        };
        Wallet::new(catalog, lane)
    }

    fn origins(&self) -> Vec<(Coin, Transaction)> {
        let read = |it: &Origin| {
            let tx: Transaction = deserialize(&hex::decode(&it.made_by).unwrap()).unwrap();
            let outpoint = OutPoint { txid: tx.compute_txid(), vout: it.vout };
            (Coin { outpoint, value_sat: it.value_sat }, tx)
        };
        self.coins.iter().map(read).collect()
    }

    /// Our draft of the same, from the last coin to the first and with the payments turned round.
    fn draft(&self, wallet: &Wallet) -> Draft {
        let origins = self.origins();
        let required: Vec<Coin> = origins.iter().rev().map(|(coin, _)| *coin).collect();
        let payments = self.payments.iter().rev();
        let payments = payments.map(|it| wallet.payment(&it.address, it.amount_sat));
        let payments: Vec<_> = payments.collect();
        // As a replacement must pay at least what it replaces, the fee can be named exactly.
        let price = Price { replaced_fee_sat: self.fee_sat, ..Price::default() };
        let order = Order {
            lane: &wallet.script,
            payments: &payments,
            coins: &[],
            required: &required,
            price,
            later_sat_per_kvb: 1_000,
            dust_sat_per_kvb: lock::dust_sat_per_kvb(&wallet.network).unwrap(),
            fee_max_sat: self.fee_sat,
        };
        order.draft().unwrap()
    }
}

#[test]
fn every_byte_is_as_bitcoinjs_has_it() {
    let catalog = wallet::catalog();
    let vectors = vectors();
    assert!(vectors.len() >= 30);
    for vector in &vectors {
        let (name, wallet) = (&vector.name, vector.wallet(&catalog));
        let draft = vector.draft(&wallet);
        assert_eq!(
            (draft.fee_sat, draft.change_sat),
            (vector.fee_sat, vector.change_sat),
            "{name}"
        );
        let previous: BTreeMap<Txid, Transaction> =
            vector.origins().into_iter().map(|(_, tx)| (tx.compute_txid(), tx)).collect();
        let payload = psbt::unsigned(&draft, &wallet.script, &previous).unwrap();
        assert_eq!(hex::encode(&payload), vector.psbt, "{name}");
        let payments = vector.payments.iter().map(|it| (it.address.as_str(), it.amount_sat));
        let intent = wallet.intent(payments, draft.fee_sat);
        let unsigned = wallet::unsigned(payload, draft.fee_sat);
        let signature = wallet.sign(&unsigned, &intent).unwrap();
        let signed = psbt::finalize(&unsigned, &signature).unwrap();
        assert_eq!(hex::encode(&signed.raw), vector.raw, "{name}");
        assert_eq!(signed.txid.as_str(), vector.txid, "{name}");

        let sent = Sent::read(&signed.raw).unwrap();
        assert_eq!(sent.txid.to_string(), vector.txid, "{name}");
        assert_eq!(serialize(&sent.tx), signed.raw, "{name}");
        let spent: Vec<OutPoint> = draft.spent.iter().map(|it| it.outpoint).collect();
        assert_eq!(sent.spends().collect::<Vec<_>>(), spent, "{name}");
        let change: Vec<u64> = sent.outputs_to(&wallet.script).map(|it| it.1).collect();
        assert_eq!(change, Vec::from_iter(vector.change_sat), "{name}");
        let inputs_sat = draft.spent.iter().map(|it| it.value_sat).sum();
        let paid = sent.paid(inputs_sat).unwrap();
        assert_eq!((paid.fee_sat, paid.vsize), (vector.fee_sat, vector.vsize), "{name}");
        // A signature in so many has a byte less than its most; none has more.
        let shorter = draft.vsize - paid.vsize;
        assert!(shorter <= draft.spent.len().div_ceil(4) as u64, "{name}: {shorter}");
    }
}
