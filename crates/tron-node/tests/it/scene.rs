//! A node, accounts, and transactions that are written here byte by byte.

use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tron_node::{Address, Chain, Code, Deploy, Options, TETHER, TronNode, TxId};

use crate::client;

pub(crate) const TRX: i64 = 1_000_000;

/// An account with its key.
#[derive(Clone, Copy)]
pub(crate) struct Wallet {
    key: SecretKey,
    pub(crate) address: Address,
}

impl Wallet {
    pub(crate) fn new(number: u8) -> Self {
        let key = SecretKey::from_slice(&[number; 32]).unwrap();
        let public = key.public_key(&Secp256k1::new()).serialize_uncompressed();
        let address = Address::of_key(&public[1..].try_into().unwrap());
        Self { key, address }
    }

    /// `r || s || v` of a hash, `v` 0 or 1.
    pub(crate) fn sign(&self, hash: [u8; 32]) -> Vec<u8> {
        let signature =
            Secp256k1::new().sign_ecdsa_recoverable(&Message::from_digest(hash), &self.key);
        let (number, bytes) = signature.serialize_compact();
        [&bytes[..], &[u8::try_from(number.to_i32()).unwrap()]].concat()
    }
}

/// A field of a protobuf: a number.
pub(crate) fn int(tag: u64, value: i64) -> Vec<u8> {
    if value == 0 {
        return vec![];
    }
    [varint(tag << 3), varint(value.cast_unsigned())].concat()
}

/// A field of a protobuf: bytes, or a message.
pub(crate) fn field(tag: u64, bytes: &[u8]) -> Vec<u8> {
    let length = varint(bytes.len().try_into().unwrap());
    [varint((tag << 3) | 2), length, bytes.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = vec![];
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// What a transaction says.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) reference: [u8; 32],
    pub(crate) expiration: i64,
    pub(crate) kind: i64,
    pub(crate) name: &'static str,
    pub(crate) parameter: Vec<u8>,
    pub(crate) timestamp: i64,
    pub(crate) fee_limit: i64,
    pub(crate) memo: Vec<u8>,
}

impl Draft {
    pub(crate) fn raw(&self) -> Vec<u8> {
        let url = format!("type.googleapis.com/protocol.{}", self.name);
        let any = [field(1, url.as_bytes()), field(2, &self.parameter)].concat();
        let contract = [int(1, self.kind), field(2, &any)].concat();
        let memo = if self.memo.is_empty() { vec![] } else { field(10, &self.memo) };
        [
            field(1, &self.reference[6..8]),
            field(4, &self.reference[8..16]),
            int(8, self.expiration),
            memo,
            field(11, &contract),
            int(14, self.timestamp),
            int(18, self.fee_limit),
        ]
        .concat()
    }

    pub(crate) fn id(&self) -> TxId {
        Sha256::digest(self.raw()).into()
    }

    pub(crate) fn signed(&self, wallet: &Wallet) -> Vec<u8> {
        [field(1, &self.raw()), field(2, &wallet.sign(self.id()))].concat()
    }
}

/// A node with three accounts: `alice` and `bob` have a thousand TRX, `carol` is none yet.
pub(crate) struct Scene {
    pub(crate) node: TronNode,
    pub(crate) alice: Wallet,
    pub(crate) bob: Wallet,
    pub(crate) carol: Wallet,
    timestamp: std::cell::Cell<i64>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let node = TronNode::start(options);
        let [alice, bob, carol] = [1, 2, 3].map(Wallet::new);
        node.chain(|chain| {
            chain.fund(alice.address, 1_000 * TRX);
            chain.fund(bob.address, 1_000 * TRX);
            chain.mine();
        });
        Self { node, alice, bob, carol, timestamp: 1.into() }
    }

    pub(crate) fn chain<T>(&self, look: impl FnOnce(&mut Chain) -> T) -> T {
        self.node.chain(look)
    }

    /// A transaction that refers to the newest block and is valid for a minute.
    pub(crate) fn draft(&self, kind: i64, name: &'static str, parameter: Vec<u8>) -> Draft {
        let timestamp = self.timestamp.replace(self.timestamp.get() + 1);
        let (reference, now) = self
            .chain(|chain| (chain.block_id(chain.head_number()).unwrap(), chain.head_time_ms()));
        Draft {
            reference,
            expiration: now + 60_000,
            kind,
            name,
            parameter,
            timestamp,
            fee_limit: 0,
            memo: vec![],
        }
    }

    pub(crate) fn transfer(&self, from: &Wallet, to: Address, sun: i64) -> Draft {
        let parameter =
            [field(1, &from.address.bytes()), field(2, &to.bytes()), int(3, sun)].concat();
        self.draft(1, "TransferContract", parameter)
    }

    pub(crate) fn call(&self, from: &Wallet, to: Address, data: &[u8], fee_limit: i64) -> Draft {
        self.call_with(from, to, data, fee_limit, 0)
    }

    pub(crate) fn call_with(
        &self,
        from: &Wallet,
        to: Address,
        data: &[u8],
        fee_limit: i64,
        value: i64,
    ) -> Draft {
        let parameter =
            [field(1, &from.address.bytes()), field(2, &to.bytes()), int(3, value), field(4, data)]
                .concat();
        Draft { fee_limit, ..self.draft(31, "TriggerSmartContract", parameter) }
    }

    pub(crate) fn send(&self, draft: &Draft, by: &Wallet) -> Code {
        self.send_bytes(&draft.signed(by)).0
    }

    pub(crate) fn send_bytes(&self, bytes: &[u8]) -> (Code, String) {
        self.chain(|chain| chain.broadcast(bytes).unwrap())
    }

    /// Sends it, which must go well, and makes the next block; returns the info.
    pub(crate) fn mined(&self, draft: &Draft, by: &Wallet) -> Value {
        let answer = self.send_bytes(&draft.signed(by));
        assert_eq!(answer, (Code::Success, String::new()));
        self.chain(Chain::mine);
        self.info(draft)
    }

    pub(crate) fn info(&self, draft: &Draft) -> Value {
        let value = hex::encode(draft.id());
        client::post(&self.node, "wallet/gettransactioninfobyid", &json!({ "value": value }))
    }

    pub(crate) fn balance(&self, wallet: &Wallet) -> i64 {
        self.chain(|chain| chain.balance(&wallet.address)).unwrap_or(-1)
    }

    /// Deploys something in the name of `bob`.
    pub(crate) fn deploy(&self, code: &str, deploy: &Deploy) -> Address {
        let code = hex::decode(code.trim()).unwrap();
        self.chain(|chain| chain.deploy(&code, self.bob.address, deploy))
    }

    /// Tether's token, of which `alice` has a thousand.
    pub(crate) fn token(&self) -> Address {
        let token = self.deploy(TETHER, &Deploy::default());
        let issue = data("issue(address,uint256)", &[&self.alice.address, &(1_000 * TRX)]);
        self.chain(|chain| chain.call_as(self.bob.address, token, &issue));
        token
    }

    pub(crate) fn tokens(&self, token: Address, of: &Wallet) -> u64 {
        self.chain(|chain| chain.token_balance(token, &of.address)).unwrap().try_into().unwrap()
    }
}

/// An argument of a contract's function: a word.
pub(crate) trait Word {
    fn word(&self) -> [u8; 32];
}

impl Word for Address {
    fn word(&self) -> [u8; 32] {
        let mut word = [0; 32];
        word[12..].copy_from_slice(self.tail());
        word
    }
}

impl Word for i64 {
    fn word(&self) -> [u8; 32] {
        let mut word = [0; 32];
        word[24..].copy_from_slice(&self.to_be_bytes());
        word
    }
}

impl Word for [u8; 32] {
    fn word(&self) -> [u8; 32] {
        *self
    }
}

/// A call's data.
pub(crate) fn data(signature: &str, arguments: &[&dyn Word]) -> Vec<u8> {
    let mut data = alloy_primitives::keccak256(signature)[..4].to_vec();
    for argument in arguments {
        data.extend(argument.word());
    }
    data
}

pub(crate) fn pay(to: &Wallet, units: i64) -> Vec<u8> {
    data("transfer(address,uint256)", &[&to.address, &units])
}
