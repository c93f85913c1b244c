//! Requests in the four APIs, built and signed here, independently of the program's own code.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use serde_json::Value;
use sha2::Sha256;

use crate::http::{Reply, Request};

/// The credentials of a merchant.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) native_token: String,
    pub(crate) cryptocloud_key: String,
    pub(crate) cryptomus_merchant: String,
    pub(crate) cryptomus_payment_key: String,
    pub(crate) cryptomus_payout_key: String,
    pub(crate) onchainpay_public: String,
    pub(crate) onchainpay_private: String,
}

impl Credentials {
    /// Those of the sandbox's demo merchant, which are documented.
    pub(crate) fn sandbox() -> Self {
        Self {
            native_token: "sandbox-native-token".to_owned(),
            cryptocloud_key: "cc-withdraw-key".to_owned(),
            cryptomus_merchant: "8b03432e-385b-4670-8d06-064591096795".to_owned(),
            cryptomus_payment_key: "payment-key-1".to_owned(),
            cryptomus_payout_key: "payout-key-1".to_owned(),
            onchainpay_public: "pub==".to_owned(),
            onchainpay_private: "priv==".to_owned(),
        }
    }

    /// Signs a request as its API asks.
    pub(crate) fn sign(&self, api: Api, path: &str, body: &str) -> Request {
        let request = Request::post(path, body);
        match api {
            Api::Native => {
                request.header("authorization", &format!("Bearer {}", self.native_token))
            }
            Api::CryptoCloud => {
                request.header("authorization", &format!("Token {}", self.cryptocloud_key))
            }
            Api::Cryptomus => request
                .header("merchant", &self.cryptomus_merchant)
                .header("sign", &cryptomus_sign(body.as_bytes(), &self.cryptomus_payout_key)),
            Api::OnchainPay => request
                .header("x-api-public-key", &self.onchainpay_public)
                .header("x-api-signature", &hmac_hex(&self.onchainpay_private, body.as_bytes())),
        }
    }
}

/// An address that each network's own rules accept.
const ADDRESSES: &[(&str, &str)] = &[
    ("arbitrum", EVM_ADDRESS),
    ("avalanche", EVM_ADDRESS),
    ("base", EVM_ADDRESS),
    ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("bitcoincash", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
    ("bsc", EVM_ADDRESS),
    ("dash", "XxageDCa5jBCc7h9BXZsAWpv7VvjgbSBB3"),
    ("dogecoin", "DT2wMDVKRRrtzBHA4EFCrkJjAJ5LwYecQr"),
    ("ethereum", EVM_ADDRESS),
    ("fantom", EVM_ADDRESS),
    ("litecoin", "ltc1q7q5fnpu7w3kyte0zrkgs08k3ad772fsutxe8yy"),
    ("optimism", EVM_ADDRESS),
    ("polygon", EVM_ADDRESS),
    ("solana", "2jRL866zTMWjsi2AWcysN3mU7wgpbW3WrrLBmyr6TB9h"),
    ("ton", "UQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPuwA"),
    ("tron", "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm"),
];
pub(crate) const EVM_ADDRESS: &str = "0x24d4269316D5C0ab5dD77042C70DD2eD00efBa95";

/// An address on a network.
pub(crate) fn address_on(network: &str) -> &'static str {
    let found = ADDRESSES.iter().find(|it| it.0 == network);
    found.unwrap_or_else(|| panic!("no address for {network}")).1
}

/// The fields of a JSON body in their order, each as the text that will stand there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body(Vec<(String, String)>);

impl Body {
    /// Adds a field or changes it; `json` is written as it is.
    pub(crate) fn raw(mut self, name: &str, json: &str) -> Self {
        match self.0.iter_mut().find(|it| it.0 == name) {
            Some(field) => json.clone_into(&mut field.1),
            None => self.0.push((name.to_owned(), json.to_owned())),
        }
        self
    }

    /// Adds a text field or changes it.
    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        self.raw(name, &Value::from(text).to_string())
    }

    /// Takes a field away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|it| it.0 != name);
        self
    }

    pub(crate) fn json(&self) -> String {
        let fields: Vec<String> =
            self.0.iter().map(|it| format!("\"{}\":{}", it.0, it.1)).collect();
        format!("{{{}}}", fields.join(","))
    }
}

/// What is to be paid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    /// The asset in the words of the API: a code, or a ticker, a slash and a network.
    pub(crate) code: &'a str,
    pub(crate) amount: &'a str,
    pub(crate) address: &'a str,
    pub(crate) webhook_url: Option<&'a str>,
    pub(crate) reference: &'a str,
}

/// The four APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Native,
    CryptoCloud,
    Cryptomus,
    OnchainPay,
}

impl Api {
    pub(crate) const ALL: [Self; 4] =
        [Self::Native, Self::CryptoCloud, Self::Cryptomus, Self::OnchainPay];

    /// The name in the store and in lists of codes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::CryptoCloud => "cryptocloud",
            Self::Cryptomus => "cryptomus",
            Self::OnchainPay => "onchainpay",
        }
    }

    /// Where payouts are created.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Native => "/vyplata/v1/payouts",
            Self::CryptoCloud => "/v2/invoice/api/out/create",
            Self::Cryptomus => "/v1/payout",
            Self::OnchainPay => "/api-gateway/auto-withdrawals/create",
        }
    }

    /// USDT on Tron, as the API calls it.
    pub(crate) fn usdt_on_tron(self) -> &'static str {
        match self {
            Self::Native | Self::OnchainPay => "USDT/tron",
            Self::CryptoCloud => "USDT_TRC20",
            Self::Cryptomus => "USDT/TRON",
        }
    }

    pub(crate) fn bitcoin(self) -> &'static str {
        match self {
            Self::Native | Self::OnchainPay => "BTC/bitcoin",
            Self::CryptoCloud => "BTC",
            Self::Cryptomus => "BTC/BTC",
        }
    }

    /// The body of a request for a payout whose fees come on top.
    pub(crate) fn body(self, order: &Order<'_>) -> Body {
        let (ticker, network) = order.code.split_once('/').unwrap_or((order.code, ""));
        let body = Body::default();
        let url = order.webhook_url;
        match self {
            Self::Native => {
                let body = body
                    .text("asset", ticker)
                    .text("network", network)
                    .text("amount", order.amount)
                    .text("address", order.address)
                    .text("merchant_ref", order.reference);
                url.map_or(body.clone(), |it| body.text("webhook_url", it))
            }
            Self::CryptoCloud => body
                .text("currency_code", order.code)
                .text("to_address", order.address)
                .raw("amount", order.amount)
                .text("order_id", order.reference),
            Self::Cryptomus => {
                let body = body
                    .text("amount", order.amount)
                    .text("currency", ticker)
                    .text("network", network)
                    .text("order_id", order.reference)
                    .text("address", order.address)
                    .text("is_subtract", "1");
                url.map_or(body.clone(), |it| body.text("url_callback", it))
            }
            Self::OnchainPay => {
                let body = body
                    .text("address", order.address)
                    .text("currency", ticker)
                    .text("network", network)
                    .text("amountTo", order.amount)
                    .raw("feeInAmount", "true");
                url.map_or(body.clone(), |it| body.text("webhookUrl", it))
            }
        }
    }

    /// A request for a payout. The reference is a field or, in `OnchainPay`, a header.
    pub(crate) fn create(self, order: &Order<'_>) -> Request {
        let request = self.sign(self.path(), &self.body(order).json());
        match self {
            Self::OnchainPay => request.header("idempotency-key", order.reference),
            Self::Native | Self::CryptoCloud | Self::Cryptomus => request,
        }
    }

    /// A request with the credentials of the sandbox.
    pub(crate) fn sign(self, path: &str, body: &str) -> Request {
        Credentials::sandbox().sign(self, path, body)
    }

    /// The outward identifier of a payout in an answer.
    pub(crate) fn id(self, reply: &Reply) -> String {
        let at = match self {
            Self::Native => "/id",
            Self::CryptoCloud | Self::Cryptomus => "/result/uuid",
            Self::OnchainPay => "/response/id",
        };
        assert!((200..300).contains(&reply.status), "{self:?} {}: {}", reply.status, reply.text());
        let id = reply.json().pointer(at).and_then(Value::as_str).map(str::to_owned);
        id.unwrap_or_else(|| panic!("no {at} in {}", reply.text()))
    }
}

/// Cryptomus: md5 of the body's base64 and the key.
pub(crate) fn cryptomus_sign(body: &[u8], key: &str) -> String {
    hex::encode(Md5::digest(format!("{}{key}", BASE64_STANDARD.encode(body))))
}

/// HMAC-SHA256 in hexadecimal.
pub(crate) fn hmac_hex(key: &str, message: &[u8]) -> String {
    hex::encode(hmac(key, message))
}

pub(crate) fn hmac(key: &str, message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
