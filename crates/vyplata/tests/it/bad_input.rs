//! What must be refused: each in its API's own shape and status, and with nothing changed.

use serde_json::Value;

use crate::{
    api::{Api, Body, Credentials, EVM_ADDRESS, Order, address_on, cryptomus_sign, hmac_hex},
    gateway::Gateway,
    http::{Reply, Request},
    ledger::Ledger,
};

/// A request that is refused: what is wrong with it, the status, where in the answer the reason
/// stands, and a word of it.
struct Case {
    what: String,
    request: Request,
    status: u16,
    at: &'static str,
    says: &'static str,
}

/// What an API calls the parts of a request for a payout, and how it refuses.
struct Manners {
    api: Api,
    amount: &'static str,
    address: &'static str,
    /// The fields that must be there, each with where its absence is told.
    required: &'static [(&'static str, &'static str, &'static str)],
    malformed: Told,
    amount_malformed: Told,
    too_precise: Told,
    too_large: Told,
    too_small: Told,
    bad_address: Told,
    insufficient: Told,
    unauthenticated: Told,
    too_long: Told,
    media_type: Told,
}

/// A status, a JSON pointer into the answer, and a word that stands there.
type Told = (u16, &'static str, &'static str);

const NATIVE: Manners = Manners {
    api: Api::Native,
    amount: "amount",
    address: "address",
    required: &[
        ("asset", "/error/field", "asset"),
        ("amount", "/error/field", "amount"),
        ("address", "/error/field", "address"),
        ("merchant_ref", "/error/field", "merchant_ref"),
    ],
    malformed: (400, "/error/code", "malformed"),
    amount_malformed: (422, "/error/field", "amount"),
    too_precise: (422, "/error/code", "amount_too_precise"),
    too_large: (422, "/error/field", "amount"),
    too_small: (422, "/error/code", "amount_too_small"),
    bad_address: (422, "/error/field", "address"),
    insufficient: (402, "/error/field", "amount"),
    unauthenticated: (401, "/error/code", "unauthenticated"),
    too_long: (413, "/error/code", "body_too_large"),
    media_type: (415, "/error/code", "unsupported_media_type"),
};

const CRYPTOCLOUD: Manners = Manners {
    api: Api::CryptoCloud,
    amount: "amount",
    address: "to_address",
    required: &[
        ("currency_code", "/result/required_parameter", "currency_code"),
        ("to_address", "/result/required_parameter", "to_address"),
        ("amount", "/result/required_parameter", "amount"),
    ],
    malformed: (400, "/result/validate_error", "cannot be read"),
    amount_malformed: (400, "/result/uncorrected_amount", "amount"),
    too_precise: (400, "/result/uncorrected_amount", "decimal places"),
    too_large: (400, "/result/uncorrected_amount", "too large"),
    too_small: (400, "/result/uncorrected_amount", "too small"),
    bad_address: (400, "/result/network", "address"),
    insufficient: (400, "/result/uncorrected_amount", "balance"),
    unauthenticated: (400, "/result/authorization", "Unauthorized request."),
    too_long: (400, "/result/validate_error", "too large"),
    media_type: (400, "/result/validate_error", "content type"),
};

const CRYPTOMUS: Manners = Manners {
    api: Api::Cryptomus,
    amount: "amount",
    address: "address",
    required: &[
        ("amount", "/errors/amount/0", "validation.required"),
        ("currency", "/errors/currency/0", "validation.required"),
        ("order_id", "/errors/order_id/0", "validation.required"),
        ("address", "/errors/address/0", "validation.required"),
        ("is_subtract", "/errors/is_subtract/0", "validation.required"),
    ],
    malformed: (422, "/message", "not JSON"),
    amount_malformed: (422, "/errors/amount/0", "validation.numeric"),
    too_precise: (422, "/errors/amount/0", "validation.decimal"),
    too_large: (422, "/errors/amount/0", "validation.max.numeric"),
    too_small: (422, "/message", "amount"),
    bad_address: (422, "/errors/address/0", "validation.crypto_address"),
    insufficient: (422, "/message", "Not enough funds"),
    unauthenticated: (401, "/message", "Invalid Sign."),
    too_long: (413, "/message", "too large"),
    media_type: (415, "/message", "Content-Type"),
};

const ONCHAINPAY: Manners = Manners {
    api: Api::OnchainPay,
    amount: "amountTo",
    address: "address",
    required: &[
        ("address", "/error/message", "address"),
        ("currency", "/error/message", "currency"),
        ("network", "/error/message", "network"),
        ("amountTo", "/error/message", "amountTo"),
    ],
    malformed: (400, "/error/name", "INVALID_JSON"),
    amount_malformed: (400, "/error/name", "INVALID_AMOUNT"),
    too_precise: (400, "/error/message", "decimal places"),
    too_large: (400, "/error/name", "AMOUNT_TOO_LARGE"),
    too_small: (400, "/error/name", "AMOUNT_TOO_SMALL"),
    bad_address: (400, "/error/name", "INVALID_ADDRESS"),
    insufficient: (400, "/error/name", "INSUFFICIENT_FUNDS"),
    unauthenticated: (401, "/error/name", "INVALID_SIGNATURE"),
    too_long: (400, "/error/name", "BODY_TOO_LARGE"),
    media_type: (400, "/error/name", "INVALID_CONTENT_TYPE"),
};

/// A request that would be accepted, but for what a case does to it.
fn good(api: Api) -> Body {
    api.body(&Order {
        code: api.usdt_on_tron(),
        amount: "35",
        address: address_on("tron"),
        webhook_url: None,
        reference: "never-accepted",
    })
}

fn case(what: &str, request: Request, told: Told) -> Case {
    Case { what: what.to_owned(), request, status: told.0, at: told.1, says: told.2 }
}

impl Manners {
    fn with(&self, what: &str, body: &Body, told: Told) -> Case {
        case(what, self.api.sign(self.api.path(), &body.json()), told)
    }

    /// What every API refuses.
    fn cases(&self) -> Vec<Case> {
        let api = self.api;
        let sign = |body: &str| api.sign(api.path(), body);
        let text = good(api).json();
        let twice = text.replace('}', &format!(",\"{}\":\"x\"}}", self.address));
        let mut cases = vec![
            case("oversized", sign(&padded(&text, 70_000)), self.too_long),
            case("a byte too long", sign(&padded(&text, 65_537)), self.too_long),
            case("a picture", sign(&text).header("content-type", "image/png"), self.media_type),
            case("half a JSON", sign(&text[..text.len() / 2]), self.malformed),
            case("two in one", sign(&format!("{text}{text}")), self.malformed),
            case("a list", sign(&format!("[{text}]")), self.malformed),
            case("a field twice", sign(&twice), self.malformed),
            case("no UTF-8", not_utf8(api, &text), self.malformed),
        ];
        for (field, at, says) in self.required {
            let status = self.amount_malformed.0;
            let told = (status, *at, *says);
            cases.push(self.with(&format!("no {field}"), &good(api).without(field), told));
            let null = good(api).raw(field, "null");
            cases.push(self.with(&format!("null {field}"), &null, told));
        }
        let amounts: [(&str, Told); 14] = [
            ("\"0.0000001\"", self.too_precise),
            ("\"-1\"", self.amount_malformed),
            ("\"0\"", self.too_small),
            ("\"0.000000\"", self.too_small),
            ("\"NaN\"", self.amount_malformed),
            ("\"Infinity\"", self.amount_malformed),
            ("\"1,5\"", self.amount_malformed),
            ("\" 1\"", self.amount_malformed),
            ("\"0x10\"", self.amount_malformed),
            ("\"\u{661}\"", self.amount_malformed),
            ("\"999999999999999999999999999999999999999999999999\"", self.too_large),
            ("\"100000000\"", self.insufficient),
            ("\"200000000\"", self.insufficient),
            ("NaN", self.malformed),
        ];
        for (json, told) in amounts {
            let body = good(api).raw(self.amount, json);
            cases.push(self.with(&format!("the amount {json}"), &body, told));
        }
        let dust = self.api.body(&Order {
            code: self.api.bitcoin(),
            amount: "0.00000293",
            address: address_on("bitcoin"),
            webhook_url: None,
            reference: "never-accepted",
        });
        cases.push(self.with("what no node of Bitcoin relays", &dust, self.too_small));
        let tron = address_on("tron");
        let wrong_checksum = tron.replace("Vaqm", "Vaqn");
        let contract = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
        let longest = "T".repeat(255);
        let shown = [EVM_ADDRESS, address_on("bitcoin"), &wrong_checksum, contract, &longest, "x"];
        for address in shown {
            let body = good(api).text(self.address, address);
            cases.push(self.with(&format!("the address {address}"), &body, self.bad_address));
        }
        cases
    }

    /// The shape that every refusal of the API has.
    fn assert_shape(&self, what: &str, reply: &Reply) {
        let answer = reply.json();
        let keys: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        let fine = match self.api {
            Api::Native => keys == ["error"] && answer["error"]["message"].is_string(),
            Api::CryptoCloud => {
                let reasons = answer["result"].as_object().unwrap();
                let texts = reasons.len() == 1 && reasons.values().all(Value::is_string);
                keys == ["status", "result"] && answer["status"] == "error" && texts
            }
            Api::Cryptomus => {
                let known = keys.iter().all(|it| ["state", "errors", "message"].contains(it));
                known && answer["state"] == 1 && answer["message"].is_string()
            }
            Api::OnchainPay => {
                keys == ["success", "error", "requestId"]
                    && answer["success"] == false
                    && answer["error"]["code"] == reply.status
                    && answer["error"]["message"].is_string()
            }
        };
        assert!(fine, "{what}: {answer}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{what}");
    }

    /// Sends all cases to a new sandbox that has paid one payout called `taken`.
    fn check(&self, more: impl FnOnce(&Gateway) -> Vec<Case>) {
        let gateway = Gateway::sandbox();
        let order = Order {
            code: self.api.usdt_on_tron(),
            amount: "31.25",
            address: address_on("tron"),
            webhook_url: None,
            reference: "taken",
        };
        let id = self.api.id(&gateway.send(&self.api.create(&order)));
        gateway.wait_for_status(&id, "paid");
        let mut cases = self.cases();
        cases.extend(more(&gateway));
        let before = state(&gateway);
        for Case { what, request, status, at, says } in cases {
            let reply = gateway.send(&request);
            let name = format!("{:?}, {what}: {}", self.api, reply.text());
            assert_eq!(reply.status, status, "{name}");
            let found = reply.json().pointer(at).and_then(Value::as_str).map(str::to_owned);
            assert!(found.is_some_and(|it| it.contains(says)), "{name}: not {says:?} at {at}");
            self.assert_shape(&name, &reply);
            assert_eq!(state(&gateway), before, "{name}: something changed");
        }
        Ledger::open(&gateway.data).assert_balanced();
        gateway.assert_healthy();
    }
}

/// What the merchant has, all its payouts, and all money that ever moved.
fn state(gateway: &Gateway) -> (Value, Value, i64) {
    let postings = Ledger::open(&gateway.data).count("SELECT count(*) FROM postings");
    let balances = gateway.native("/vyplata/v1/balances");
    (balances, gateway.native("/vyplata/v1/payouts"), postings)
}

/// Fills a JSON object up with spaces.
fn padded(json: &str, length: usize) -> String {
    json.replacen('{', &format!("{{{}", " ".repeat(length - json.len())), 1)
}

/// The same request with a byte in it that is no text, correctly signed.
fn not_utf8(api: Api, text: &str) -> Request {
    let mut request = api.sign(api.path(), text);
    let middle = request.body.len() - 2;
    request.body[middle] = 0xff;
    let body = request.body.clone();
    let credentials = Credentials::sandbox();
    match api {
        Api::Native | Api::CryptoCloud => request,
        Api::Cryptomus => {
            request.header("sign", &cryptomus_sign(&body, &credentials.cryptomus_payout_key))
        }
        Api::OnchainPay => {
            let signature = hmac_hex(&credentials.onchainpay_private, &body);
            request.header("x-api-signature", &signature)
        }
    }
}

#[test]
fn the_native_api_refuses_bad_input() {
    NATIVE.check(|_| {
        let api = Api::Native;
        let sign = |body: &Body| api.sign(api.path(), &body.json());
        let good = || good(api);
        let field = |name| (422, "/error/field", name);
        let code = |status, name| (status, "/error/code", name);
        let refused = NATIVE.unauthenticated;
        let long = "k".repeat(256);
        let mut delete = sign(&good());
        "DELETE".clone_into(&mut delete.method);
        vec![
            case("a wrong token", sign(&good()).header("authorization", "Bearer x"), refused),
            case("another scheme", sign(&good()).header("authorization", "Token x"), refused),
            case("no token", Request::post(api.path(), good().json()), refused),
            case("an unknown path", api.sign("/vyplata/v1/x", "{}"), code(404, "unknown_path")),
            case("another method", delete, code(405, "method_not_allowed")),
            case("an amount as a number", sign(&good().raw("amount", "1")), field("amount")),
            case("1e30", sign(&good().text("amount", "1e30")), field("amount")),
            case("an unknown field", sign(&good().text("amonut", "1")), field("amonut")),
            case("an unknown asset", sign(&good().text("asset", "DOGGO")), field("asset")),
            case("an unknown network", sign(&good().text("network", "moon")), field("network")),
            case("no network", sign(&good().without("network")), field("network")),
            case("a strange payer", sign(&good().text("fee_bearer", "you")), field("fee_bearer")),
            case("a memo on Tron", sign(&good().text("memo", "7")), field("memo")),
            case("a file", sign(&good().text("webhook_url", "file:///x")), field("webhook_url")),
            case(
                "an empty reference",
                sign(&good().text("merchant_ref", "")),
                field("merchant_ref"),
            ),
            case(
                "a long key",
                sign(&good()).header("idempotency-key", &long),
                field("Idempotency-Key"),
            ),
            case(
                "the same reference, another amount",
                sign(&good().text("merchant_ref", "taken")),
                code(409, "ref_reused"),
            ),
        ]
    });
}

#[test]
fn cryptocloud_refuses_bad_input() {
    CRYPTOCLOUD.check(|_| {
        let api = Api::CryptoCloud;
        let sign = |body: &Body| api.sign(api.path(), &body.json());
        let good = || good(api);
        let refused = CRYPTOCLOUD.unauthenticated;
        let at = |key, says| (400, key, says);
        let code = |says| at("/result/currency_code", says);
        let form = "currency_code=USDT_TRC20&to_address=x&amount=1";
        vec![
            case("a wrong key", sign(&good()).header("authorization", "Token bad"), refused),
            case("another scheme", sign(&good()).header("authorization", "Bearer x"), refused),
            case("no key", Request::post(api.path(), good().json()), refused),
            case("an unknown code", sign(&good().text("currency_code", "DOGE")), code("Unknown")),
            case("a number as a code", sign(&good().raw("currency_code", "1")), code("Unknown")),
            case("1e15", sign(&good().raw("amount", "1e15")), CRYPTOCLOUD.insufficient),
            case("1e300", sign(&good().raw("amount", "1e300")), CRYPTOCLOUD.too_large),
            case("a negative", sign(&good().raw("amount", "-1")), CRYPTOCLOUD.amount_malformed),
            case("zero", sign(&good().raw("amount", "0.0")), CRYPTOCLOUD.too_small),
            case("small", sign(&good().raw("amount", "1e-7")), CRYPTOCLOUD.too_precise),
            case("a list", sign(&good().raw("amount", "[1]")), CRYPTOCLOUD.amount_malformed),
            case("a memo", sign(&good().text("memo", "7")), at("/result/network", "memo")),
            case(
                "a bad address in a form",
                api.sign(api.path(), form)
                    .header("content-type", "application/x-www-form-urlencoded"),
                CRYPTOCLOUD.bad_address,
            ),
            case(
                "the same order_id, another amount",
                sign(&good().text("order_id", "taken")),
                at("/result/validate_error", "order_id"),
            ),
            case("no such call", api.sign("/v2/x", "{}"), (404, "/result/validate_error", "not")),
        ]
    });
}

#[test]
fn cryptomus_refuses_bad_input() {
    CRYPTOMUS.check(|gateway| {
        let api = Api::Cryptomus;
        let sign = |body: &Body| api.sign(api.path(), &body.json());
        let good = || good(api);
        let refused = CRYPTOMUS.unauthenticated;
        let broken = |at, rule| (422, at, rule);
        let said = |words| (422, "/message", words);
        let text = good().json();
        let other_key =
            cryptomus_sign(text.as_bytes(), &Credentials::sandbox().cryptomus_payment_key);
        // Its documents say that the payout that exists is answered, and nothing is made.
        let before = state(gateway);
        let again = gateway.send(&sign(&good().text("order_id", "taken")));
        assert_eq!((again.status, &again.json()["result"]["amount"]), (200, &"31.25".into()));
        assert_eq!(state(gateway), before);
        vec![
            case("an unknown merchant", sign(&good()).header("merchant", "nobody"), refused),
            case("no merchant", sign(&good()).header("merchant", ""), refused),
            case("a wrong signature", sign(&good()).header("sign", &"0".repeat(32)), refused),
            case("no signature", sign(&good()).header("sign", ""), refused),
            case("the payment key", sign(&good()).header("sign", &other_key), refused),
            case("1e15", sign(&good().raw("amount", "1e15")), CRYPTOMUS.insufficient),
            case("1e300", sign(&good().text("amount", "1e300")), CRYPTOMUS.too_large),
            case("an unknown coin", sign(&good().text("currency", "DOGGO")), said("currency")),
            case("an unknown network", sign(&good().text("network", "MOON")), said("service")),
            case(
                "a strange order_id",
                sign(&good().text("order_id", "a b")),
                broken("/errors/order_id/0", "validation.alpha_dash"),
            ),
            case(
                "a long order_id",
                sign(&good().text("order_id", &"a".repeat(101))),
                broken("/errors/order_id/0", "validation.max.string"),
            ),
            case(
                "a strange is_subtract",
                sign(&good().text("is_subtract", "yes")),
                broken("/errors/is_subtract/0", "validation.boolean"),
            ),
            case(
                "a strange priority",
                sign(&good().text("priority", "now")),
                broken("/errors/priority/0", "validation.in"),
            ),
            case(
                "a strange url_callback",
                sign(&good().text("url_callback", "javascript:1")),
                broken("/errors/url_callback/0", "validation.url"),
            ),
            case("a memo", sign(&good().text("memo", "7")), broken("/errors/memo/0", "memo")),
            case("a conversion", sign(&good().text("to_currency", "BTC")), said("to_currency")),
            case("no such call", api.sign("/v1/x", "{}"), (404, "/message", "not available")),
        ]
    });
}

#[test]
fn onchainpay_refuses_bad_input() {
    ONCHAINPAY.check(|gateway| {
        let api = Api::OnchainPay;
        let sign = |body: &Body| api.sign(api.path(), &body.json());
        let good = || good(api);
        let name = |status, word| (status, "/error/name", word);
        let refused = ONCHAINPAY.unauthenticated;
        // A nonce is used up by a payout, by a refusal, and by a question.
        let accepted = gateway.send(&sign(&good().text("amountTo", "40").raw("nonce", "77")));
        gateway.wait_for_status(&api.id(&accepted), "paid");
        let wrong = gateway.send(&sign(&good().text("address", "x").raw("nonce", "78")));
        assert_eq!(wrong.status, 400, "{}", wrong.text());
        let asked = format!(r#"{{"id":"{}","nonce":"79"}}"#, api.id(&accepted));
        let question = api.sign("/api-gateway/auto-withdrawals/get", &asked);
        assert_eq!(api.id(&gateway.send(&question)), api.id(&accepted));
        let replayed = || name(409, "NONCE_ALREADY_USED");
        let unknown = r#"{"id":"00000000-0000-4000-8000-000000000000"}"#;
        vec![
            case("the nonce of a payout", sign(&good().raw("nonce", "77")), replayed()),
            case("the same as a text", sign(&good().text("nonce", "77")), replayed()),
            case("the nonce of a refusal", sign(&good().raw("nonce", "78")), replayed()),
            case("the nonce of a question", sign(&good().raw("nonce", "79")), replayed()),
            case("a question twice", question, replayed()),
            case(
                "a strange nonce",
                sign(&good().raw("nonce", "true")),
                (400, "/error/message", "nonce"),
            ),
            case("an unknown key", sign(&good()).header("x-api-public-key", "x"), refused),
            case("no key", sign(&good()).header("x-api-public-key", ""), refused),
            case("a wrong signature", sign(&good()).header("x-api-signature", "00"), refused),
            case("no signature", sign(&good()).header("x-api-signature", ""), refused),
            case("1e15", sign(&good().text("amountTo", "1e15")), ONCHAINPAY.insufficient),
            case("1e300", sign(&good().text("amountTo", "1e300")), ONCHAINPAY.too_large),
            case(
                "an unknown coin",
                sign(&good().text("currency", "DOGGO")),
                name(400, "CURRENCY_NOT_FOUND"),
            ),
            case(
                "an unknown network",
                sign(&good().text("network", "moon")),
                name(400, "NETWORK_NOT_FOUND"),
            ),
            case(
                "a strange feeInAmount",
                sign(&good().text("feeInAmount", "true")),
                (400, "/error/message", "feeInAmount"),
            ),
            case(
                "a strange webhookUrl",
                sign(&good().text("webhookUrl", "gopher://x")),
                (400, "/error/message", "webhookUrl"),
            ),
            case(
                "the same key, another amount",
                sign(&good()).header("idempotency-key", "taken"),
                name(409, "CONFLICT"),
            ),
            case(
                "an unknown withdrawal",
                api.sign("/api-gateway/auto-withdrawals/get", unknown),
                name(404, "NOT_FOUND"),
            ),
            case("no such call", api.sign("/api-gateway/x", "{}"), name(404, "METHOD_NOT_FOUND")),
        ]
    });
}
