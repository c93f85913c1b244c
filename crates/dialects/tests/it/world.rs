//! A gateway in memory around the real domain, catalog and address rules, without time or chance.

use std::collections::{BTreeMap, BTreeSet};

use dialects::{Action, Caller, Context, Dialect, Message, Outcome, Request, Webhook};
use domain::{
    Timestamp,
    accept::{Desk, Sitting},
    catalog::{Asset, Catalog, Destination, DestinationError, Network},
    command::{Accepted, Command, Refusal},
    delivery::{Delivery, DeliveryState},
    event::Event,
    ids::{AssetId, BatchId, DeliveryId, DialectId, KeyId, MerchantId, PayoutId, TxId},
    merchant::{ApiKey, Merchant, Sealed},
    money::{Amount, Rate},
    payout::{Failure, FailureCode, Payout, PayoutState, Stage, Status},
    ports::{AcceptView, AddressRules, PayoutKey},
    quote::{AssetTerms, FeePlan, PriceBook},
};

/// 2026-01-02 03:04:05.678 UTC.
const NOW: Timestamp = Timestamp(1_767_323_045_678);

const MERCHANT: MerchantId = MerchantId(0x019b_7c00_0000_7000_8000_0000_0000_0001);

/// Dialect, role, public part, secret part: what the published clients' drivers use.
const KEYS: [(&str, &str, &str, &str); 8] = [
    ("native", "payout", "", "vy_golden_token"),
    ("cryptocloud", "payout", "", "cc-withdraw-key"),
    ("cryptomus", "payout", "8b03432e-385b-4670-8d06-064591096795", "payout-key-1"),
    ("cryptomus", "payment", "8b03432e-385b-4670-8d06-064591096795", "payment-key-1"),
    ("onchainpay", "payout", "pub==", "priv=="),
    ("heleket", "payout", "7a02b1c4-0f5e-4d3c-9a2b-1e5f7c8d9a01", "heleket-payout-key-1"),
    ("heleket", "payment", "7a02b1c4-0f5e-4d3c-9a2b-1e5f7c8d9a01", "heleket-payment-key-1"),
    ("apollo", "payout", "apollo-pub==", "apollo-priv=="),
];

const PRICES: [(&str, &str); 4] =
    [("USDT", "1"), ("BTC", "60000.5"), ("TON", "3.21"), ("SHIB", "0.00001234")];

/// All rows of all rails.
pub(crate) fn catalog() -> Catalog {
    let texts = [
        rail_bitcoin::CATALOG,
        rail_evm::CATALOG,
        rail_tron::CATALOG,
        rail_solana::CATALOG,
        rail_ton::CATALOG,
    ];
    catalog::read(&texts).expect("the rails' rows are well-formed")
}

struct Rules;

impl AddressRules for Rules {
    fn parse(
        &self,
        network: &Network,
        address: &str,
        memo: Option<&str>,
    ) -> Result<Destination, DestinationError> {
        match network.family.as_str() {
            "bitcoin" => rail_bitcoin::parse_destination(network, address, memo),
            "evm" => rail_evm::parse_destination(network, address, memo),
            "tron" => rail_tron::parse_destination(network, address, memo),
            "solana" => rail_solana::parse_destination(network, address, memo),
            "ton" => rail_ton::parse_destination(network, address, memo),
            family => panic!("no rail for {family}"),
        }
    }
}

/// The gateway.
pub(crate) struct World {
    pub(crate) catalog: Catalog,
    pub(crate) callers: Vec<Caller>,
    pub(crate) view: AcceptView,
    book: PriceBook,
    events: BTreeMap<PayoutId, Vec<Event>>,
    /// Which payout was touched last.
    last: Option<PayoutId>,
    requests: u32,
    random: [u8; 64],
}

/// What came of a request, besides the answer.
pub(crate) struct Answered {
    /// The command or question, if the dialect understood one.
    pub(crate) action: Option<Action>,
    /// Why not, if it was refused.
    pub(crate) refusal: Option<Refusal>,
    /// The answer.
    pub(crate) message: Message,
}

/// Finds the first dialect of a path.
pub(crate) fn owner(path: &str) -> &'static dyn Dialect {
    dialects::owners(path).next().expect("the path belongs to a dialect")
}

fn terms(asset: &Asset) -> AssetTerms {
    let parse = |text| Amount::parse(text, asset.decimals).ok();
    let usdt = asset.ticker == "USDT";
    AssetTerms {
        fee_plan: FeePlan { parts_per_million: 10_000, fixed: Amount::ZERO },
        network_fee: parse(if usdt { "1" } else { "0.0001" }).map(|it| (it, NOW)),
        amount_min: usdt.then(|| parse("0.5")).flatten(),
        amount_max: usdt.then(|| parse("10000000")).flatten(),
        usd_rate: PRICES.iter().find(|it| it.0 == asset.ticker).and_then(|it| Rate::parse(it.1)),
    }
}

fn merchant() -> Merchant {
    Merchant {
        id: MERCHANT,
        name: "Shop".to_owned(),
        webhook_url: Some("https://shop.example/postback".to_owned()),
        paused: false,
        created_at: NOW,
        version: 1,
    }
}

fn caller(number: u128, dialect: &str, role: &str, public: &str, secret: &str) -> Caller {
    let adopted = dialects::dialect(dialect).and_then(|it| it.adopt_key(role, public, secret));
    let key = adopted.expect("the dialect has this role");
    let key_row = ApiKey {
        id: KeyId(number),
        merchant: MERCHANT,
        dialect: DialectId::new(dialect),
        role: key.role.to_owned(),
        lookup: key.lookup,
        secret: Sealed(vec![]),
        lenient_nonce: false,
        created_at: NOW,
        revoked_at: None,
        version: 1,
    };
    Caller { key: key_row, secret: key.secret, merchant: merchant() }
}

impl World {
    /// A gateway with one merchant that owns 1000 of everything.
    pub(crate) fn new() -> Self {
        let catalog = catalog();
        let rich = |asset: &Asset| {
            let amount = Amount::parse("1000", asset.decimals).expect("it is a small number");
            ((MERCHANT, asset.id.clone()), amount)
        };
        let view = AcceptView {
            merchants: BTreeMap::from([(MERCHANT, merchant())]),
            available: catalog.assets().map(rich).collect(),
            ..AcceptView::default()
        };
        let terms = catalog.assets().map(|it| (it.id.clone(), terms(it))).collect();
        let callers = (1..).zip(KEYS).map(|(number, (dialect, role, public, secret))| {
            caller(number, dialect, role, public, secret)
        });
        Self {
            callers: callers.collect(),
            view,
            book: PriceBook { terms, age_ms_max: 1_000 },
            events: BTreeMap::new(),
            last: None,
            requests: 0,
            random: [0; 64],
            catalog,
        }
    }

    /// The facts of one request.
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            catalog: &self.catalog,
            now: NOW,
            payout_id: PayoutId(
                0x019b_7c00_0000_7000_8000_0000_0000_0000 + u128::from(self.requests),
            ),
            random: &self.random,
        }
    }

    /// Sets what the merchant has.
    pub(crate) fn set_balance(&mut self, asset: &str, amount: &str) {
        let row = self.catalog.asset(asset).expect("the asset is in the catalog");
        let amount = Amount::parse(amount, row.decimals).expect("it is an amount");
        self.view.available.insert((MERCHANT, row.id.clone()), amount);
    }

    /// Stops the merchant's payouts.
    pub(crate) fn pause(&mut self) {
        for merchant in self.view.merchants.values_mut() {
            merchant.paused = true;
        }
    }

    /// Takes requests without a nonce.
    pub(crate) fn be_lenient(&mut self) {
        for caller in &mut self.callers {
            caller.key.lenient_nonce = true;
        }
    }

    /// Answers a request as the binary does.
    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Answered {
        self.requests += 1;
        let [seed, ..] = self.requests.to_le_bytes();
        for (index, byte) in (0u8..).zip(&mut self.random) {
            *byte = index.wrapping_mul(37).wrapping_add(seed.wrapping_mul(101));
        }
        // The random bytes repeat after 256 requests, the last ones do not.
        self.random[20..24].copy_from_slice(&self.requests.to_be_bytes());
        let (dialect, callers) = self.serving(request);
        let decoded =
            callers.and_then(|callers| dialect.decode(request, &callers, &self.context()));
        let call = match decoded {
            Ok(call) => call,
            Err(refusal) => return self.refused_by(dialect, None, refusal, request),
        };
        let action = Some(call.action.clone());
        let nonce = call.nonce.clone().map(|it| self.decide(&Command::UseNonce(it))).transpose();
        match nonce.and_then(|_| self.act(&call.action)) {
            Ok(outcome) => {
                let message = dialect.encode(&call, &outcome, &self.context());
                Answered { action, refusal: None, message }
            }
            Err(refusal) => self.refused_by(dialect, action, refusal, request),
        }
    }

    /// Finds the dialect that serves a request, and the credentials it may have been made with.
    fn serving(
        &self,
        request: &Request<'_>,
    ) -> (&'static dyn Dialect, Result<Vec<Caller>, Refusal>) {
        let found = |dialect: &'static dyn Dialect| {
            let callers = dialect.lookup(request).map(|lookup| self.callers(dialect, &lookup));
            (dialect, callers)
        };
        let knows = |callers: &Vec<Caller>| dialects::knows(callers, NOW);
        let known =
            dialects::owners(request.path).map(found).find(|it| it.1.as_ref().is_ok_and(knows));
        known.unwrap_or_else(|| found(owner(request.path)))
    }

    fn callers(&self, dialect: &dyn Dialect, lookup: &str) -> Vec<Caller> {
        let is_it =
            |it: &&Caller| it.key.dialect.as_str() == dialect.name() && it.key.lookup == lookup;
        self.callers.iter().filter(is_it).cloned().collect()
    }

    /// Answers a request with a refusal that does not come of its content.
    pub(crate) fn refused(
        &self,
        action: Option<Action>,
        refusal: Refusal,
        request: &Request<'_>,
    ) -> Answered {
        self.refused_by(owner(request.path), action, refusal, request)
    }

    fn refused_by(
        &self,
        dialect: &dyn Dialect,
        action: Option<Action>,
        refusal: Refusal,
        request: &Request<'_>,
    ) -> Answered {
        let message = dialect.refuse(request, &refusal, &self.context());
        Answered { action, refusal: Some(refusal), message }
    }

    fn decide(&mut self, command: &Command) -> Result<Accepted, Refusal> {
        let desk = Desk {
            catalog: &self.catalog,
            rules: &Rules,
            book: &self.book,
            own_addresses: &BTreeSet::new(),
        };
        let mut sitting = Sitting::new(self.view.clone());
        let decided = sitting.decide(&desk, command, NOW);
        let change = sitting.end();
        self.view.claims.extend(change.claims);
        for payout in change.payouts {
            self.view.public_ids.insert(payout.public_id.clone());
            self.view.payouts.insert(payout.id, payout);
        }
        for event in change.events {
            self.events.entry(event.payout).or_default().push(event);
        }
        if let Ok(Accepted { payout: Some(payout), available, .. }) = &decided {
            self.last = Some(payout.id);
            self.view.available.insert((MERCHANT, payout.asset.clone()), *available);
        }
        decided
    }

    fn act(&mut self, action: &Action) -> Result<Outcome, Refusal> {
        match action {
            Action::Create(create) => self.change(&Command::Create(create.clone())),
            Action::Cancel(key) => {
                let payout = self.find(key)?.id;
                self.change(&Command::Cancel { merchant: MERCHANT, payout })
            }
            Action::Show(key) => {
                let payout = Box::new(self.find(key)?);
                let events = self.events.get(&payout.id).cloned().unwrap_or_default();
                let available = self.available(&payout.asset);
                Ok(Outcome::Payout { payout, events, available, fresh: false })
            }
            Action::List(query) => {
                let newest = self.view.payouts.values().rev().filter(|it| {
                    query.status.is_none_or(|status| status == it.state.status())
                        && query.before.is_none_or(|before| it.id < before)
                });
                let mut page: Vec<Payout> = newest.cloned().collect();
                let count_max = usize::try_from(query.count_max).expect("a page is small");
                let more = count_max < page.len();
                page.truncate(count_max);
                Ok(Outcome::Payouts { page, more })
            }
            Action::Balances => {
                let rows =
                    self.view.available.iter().map(|(line, amount)| (line.1.clone(), *amount));
                Ok(Outcome::Balances(rows.filter(|row| !row.1.is_zero()).collect()))
            }
        }
    }

    fn change(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        let Accepted { payout, fresh, available } = self.decide(command)?;
        let payout = payout.expect("the command was about a payout");
        let events = self.events.get(&payout.id).cloned().unwrap_or_default();
        Ok(Outcome::Payout { payout: Box::new(payout), events, available, fresh })
    }

    fn find(&self, key: &PayoutKey) -> Result<Payout, Refusal> {
        let found = self.view.payouts.values().find(|it| match key {
            PayoutKey::Id(id) => it.id == *id,
            PayoutKey::PublicId(id) => it.public_id == *id,
            PayoutKey::MerchantRef(merchant, text) => {
                it.merchant == *merchant && it.merchant_ref.as_ref() == Some(text)
            }
        });
        found.cloned().ok_or(Refusal::NotFound)
    }

    fn available(&self, asset: &AssetId) -> Amount {
        let line = (MERCHANT, asset.clone());
        self.view.available.get(&line).copied().unwrap_or_default()
    }

    /// Puts the last payout into a state: a word, then a transaction or what was found.
    pub(crate) fn move_last(&mut self, words: &str) {
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        let txid = Some(TxId::new(rest));
        let batch = BatchId(1);
        let failed = |code| PayoutState::Failed {
            failure: Failure { code, detail: rest.to_owned() },
            txid: None,
        };
        let state = match word {
            "sending" => PayoutState::Sending { batch, stage: Stage::Broadcast, txid },
            "in_block" => PayoutState::Sending { batch, stage: Stage::InBlock, txid },
            "paid" => PayoutState::Paid { txid: TxId::new(rest), at: NOW },
            "failed" => failed(FailureCode::RefusedByNetwork),
            "failed_here" => failed(FailureCode::RefusedBySigner),
            "cancelled" => PayoutState::Cancelled,
            other => panic!("no state is called {other}"),
        };
        let last = self.last.expect("there is a payout");
        let payout = self.view.payouts.get_mut(&last).expect("there is a payout");
        payout.state = state;
        payout.updated_at = NOW.plus_ms(90_000);
    }

    /// Writes the webhook about the last payout's state, or about an earlier status (a word, then
    /// a transaction); `None` if its merchant is not told of it.
    pub(crate) fn tell_last(&self, earlier: &str) -> Option<Message> {
        let payout = &self.view.payouts[&self.last.expect("there is a payout")];
        let (mut status, mut txid) = (payout.state.status(), payout.state.txid().cloned());
        if let Some((word, seen)) = earlier.split_once(' ') {
            status = Status::from_word(word).expect("it is the word of a status");
            txid = Some(TxId::new(seen));
        }
        let asked = payout.webhook.as_ref().filter(|it| it.on.contains(&status))?;
        let delivery = Delivery {
            id: DeliveryId { payout: payout.id, number: 0 },
            url: asked.url.clone(),
            status,
            txid,
            occurred_at: if earlier.is_empty() { payout.updated_at } else { NOW },
            state: DeliveryState::Due,
            tries: 0,
            due_at: NOW,
            last_result: String::new(),
            body: vec![],
            version: 1,
        };
        let caller = self.callers.iter().find(|it| Some(it.key.id) == payout.key);
        let Caller { key, secret, .. } = caller.expect("a credential asked for the payout");
        let webhook = Webhook { payout, delivery: &delivery, key, secret };
        let dialect = dialects::dialect(payout.dialect.as_str()).expect("it came by a dialect");
        Some(dialect.webhook(&webhook, &self.context()))
    }
}
