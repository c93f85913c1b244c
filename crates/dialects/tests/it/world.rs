//! A gateway in memory around the real domain, catalog and address rules, without time or chance.

use std::collections::{BTreeMap, BTreeSet};

use dialects::{Action, Caller, Context, Dialect, Message, Outcome, Request, Settings, Webhook};
use domain::{
    Timestamp,
    accept::Desk,
    catalog::{Asset, Catalog, Destination, DestinationError, Network},
    command::{Accepted, Command, Refusal},
    delivery::{Delivery, DeliveryState, Receipt},
    ids::{
        AssetId, BatchId, DeliveryId, DialectId, KeyId, LaneId, MerchantId, NetworkId, PayoutId,
        TxId,
    },
    ledger::{LedgerAccount, fund},
    merchant::{ApiKey, Merchant, Sealed},
    money::{Amount, Rate},
    payout::{Failure, FailureCode, Payout, PayoutState, Stage, Status},
    ports::{AddressRules, ChangeSet, PageQuery, PayoutKey, PayoutView, Store},
    quote::{AssetTerms, ConversionTerms, FeePlan, MerchantTerms, PriceBook},
    rates::RateBook,
};
use sim::{conformance::ready, store::MemoryStore};

/// 2026-01-02 03:04:05.678 UTC.
const NOW: Timestamp = Timestamp(1_767_323_045_678);

const MERCHANT: MerchantId = MerchantId(0x019b_7c00_0000_7000_8000_0000_0000_0001);

/// Dialect, role, public part, secret part: what the published clients' drivers use.
const KEYS: [(&str, &str, &str, &str); 9] = [
    ("native", "payout", "", "vy_golden_token"),
    ("cryptocloud", "payout", "", "cc-withdraw-key"),
    ("cryptomus", "payout", "8b03432e-385b-4670-8d06-064591096795", "payout-key-1"),
    ("cryptomus", "payment", "8b03432e-385b-4670-8d06-064591096795", "payment-key-1"),
    ("onchainpay", "payout", "pub==", "priv=="),
    ("heleket", "payout", "7a02b1c4-0f5e-4d3c-9a2b-1e5f7c8d9a01", "heleket-payout-key-1"),
    ("heleket", "payment", "7a02b1c4-0f5e-4d3c-9a2b-1e5f7c8d9a01", "heleket-payment-key-1"),
    ("apollo", "payout", "apollo-pub==", "apollo-priv=="),
    ("cryptocloud", "project", "", "cc-project-key"),
];

const PRICES: [(&str, &str); 8] = [
    ("USDT", "1"),
    ("BTC", "60000.5"),
    ("TON", "3.21"),
    ("SHIB", "0.00001234"),
    ("ETH", "3000"),
    ("LTC", "80"),
    ("EUR", "1.1"),
    ("TRX", "0.2"),
];
/// Prices that one source tells, beside the operator's own: only who names the source gets them.
const TOLD: [(&str, &str); 2] = [("RUB", "0.0125"), ("SOL", "150.5")];

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

    fn least(&self, network: &Network, address: Option<&str>) -> Amount {
        match network.family.as_str() {
            "bitcoin" => rail_bitcoin::least(network, address),
            _ => Amount::ZERO,
        }
    }
}

/// The gateway.
pub(crate) struct World {
    pub(crate) catalog: Catalog,
    pub(crate) callers: Vec<Caller>,
    pub(crate) store: MemoryStore,
    pub(crate) book: PriceBook,
    pub(crate) settings: Settings,
    wallets: BTreeSet<(NetworkId, String)>,
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
        fee_plan: FeePlan { parts_per_million: 10_000, ..FeePlan::default() },
        network_fee: parse(if usdt { "1" } else { "0.0001" }).map(|it| (it, NOW)),
        amount_min: usdt.then(|| parse("0.5")).flatten(),
        amount_max: usdt.then(|| parse("10000000")).flatten(),
    }
}

/// Terms of everything: the house sells all, one percent above the price; USDT is one for one
/// between networks; this merchant's coin is USDT on BNB Smart Chain where an API leaves it to the
/// settings.
fn book(catalog: &Catalog) -> PriceBook {
    let mut rates = RateBook::default();
    let rate = |text| Rate::parse(text).expect("it is a price");
    for (currency, price) in PRICES {
        rates.fix(currency, rate(price));
    }
    let told: Vec<_> = TOLD.iter().map(|it| (it.0.to_owned(), rate(it.1))).collect();
    rates.observe("binance", &told, NOW);
    let conversion = ConversionTerms {
        spread_parts_per_million: 10_000,
        insurance_parts_per_million: 20_000,
        sells: catalog.assets().map(|it| it.id.clone()).collect(),
        at_par: ["USDT".to_owned()].into(),
        overdrafts: BTreeMap::new(),
        quote_ms: 30_000,
    };
    let agreed = MerchantTerms {
        sources: vec![AssetId::new("USDT@bsc"), AssetId::new("USDT@tron")],
        ..MerchantTerms::default()
    };
    PriceBook {
        terms: catalog.assets().map(|it| (it.id.clone(), terms(it))).collect(),
        age_ms_max: 1_000,
        rates,
        conversion,
        merchants: [(merchant().name, agreed)].into(),
        everybody: MerchantTerms::default(),
        approval_ms: 3_600_000,
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
    /// A gateway with one merchant that owns 1000 of everything, as the house does.
    pub(crate) fn new() -> Self {
        let catalog = catalog();
        let callers = (1..).zip(KEYS).map(|(number, (dialect, role, public, secret))| {
            caller(number, dialect, role, public, secret)
        });
        let wallet = |network: &Network| (network.id.clone(), format!("wallet-{}", network.id));
        let mut world = Self {
            callers: callers.collect(),
            store: MemoryStore::default(),
            book: book(&catalog),
            settings: Settings::default(),
            wallets: catalog.networks().map(wallet).collect(),
            last: None,
            requests: 0,
            random: [0; 64],
            catalog,
        };
        let keys = world.callers.iter().map(|it| it.key.clone()).collect();
        world.write(ChangeSet { merchants: vec![merchant()], keys, ..ChangeSet::default() });
        let assets: Vec<AssetId> = world.catalog.assets().map(|it| it.id.clone()).collect();
        for asset in assets {
            for owner in [LedgerAccount::Available(MERCHANT), LedgerAccount::Inventory] {
                world.set(&owner, asset.as_str(), "1000");
            }
        }
        world
    }

    /// The facts of one request.
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            catalog: &self.catalog,
            book: &self.book,
            rules: &Rules,
            wallets: &self.wallets,
            settings: &self.settings,
            now: NOW,
            payout_id: PayoutId(
                0x019b_7c00_0000_7000_8000_0000_0000_0000 + u128::from(self.requests),
            ),
            random: &self.random,
        }
    }

    fn write(&mut self, change: ChangeSet) {
        ready(self.store.commit(change)).expect("the store takes it");
    }

    /// Sets what somebody has.
    fn set(&mut self, owner: &LedgerAccount, asset: &str, amount: &str) {
        let row = self.catalog.asset(asset).expect("the asset is in the catalog").clone();
        let wanted = Amount::parse(amount, row.decimals).expect("it is an amount");
        let held = ready(self.store.held(owner)).expect("reachable");
        let before = held.iter().find(|it| it.0 == row.id).map(|it| it.1).unwrap_or_default();
        let lane = LaneId::new(&format!("{}/hot", row.network));
        let put = |amount| fund(&lane, &row.id, owner.clone(), amount, String::new(), NOW);
        let mut postings = match (wanted.checked_sub(before), before.checked_sub(wanted)) {
            (Some(more), _) => put(more),
            (_, less) => put(less.expect("one of both is smaller")),
        };
        if wanted < before {
            for it in &mut postings {
                std::mem::swap(&mut it.debit, &mut it.credit);
            }
        }
        self.write(ChangeSet { postings, ..ChangeSet::default() });
    }

    /// Sets what the merchant has.
    pub(crate) fn set_balance(&mut self, asset: &str, amount: &str) {
        self.set(&LedgerAccount::Available(MERCHANT), asset, amount);
    }

    /// Sets what the house has.
    pub(crate) fn set_inventory(&mut self, asset: &str, amount: &str) {
        self.set(&LedgerAccount::Inventory, asset, amount);
    }

    /// Takes everything from the merchant.
    pub(crate) fn be_poor(&mut self) {
        let assets: Vec<AssetId> = self.catalog.assets().map(|it| it.id.clone()).collect();
        for asset in assets {
            self.set_balance(asset.as_str(), "0");
        }
    }

    /// Begins again without ever having had any money.
    pub(crate) fn be_new(&mut self) {
        self.store = MemoryStore::default();
        let keys = self.callers.iter().map(|it| it.key.clone()).collect();
        self.write(ChangeSet { merchants: vec![merchant()], keys, ..ChangeSet::default() });
    }

    /// Sets the network fee of an asset.
    pub(crate) fn set_fee(&mut self, asset: &str, amount: &str) {
        let decimals = self.catalog.asset(asset).expect("the asset is in the catalog").decimals;
        let fee = Amount::parse(amount, decimals).expect("it is an amount");
        self.book.terms.get_mut(asset).expect("it has terms").network_fee = Some((fee, NOW));
    }

    /// Forgets the price of a currency and the network fee of an asset.
    pub(crate) fn forget(&mut self, name: &str) {
        match self.book.terms.get_mut(name) {
            Some(terms) => terms.network_fee = None,
            None => {
                let kept = PRICES.iter().filter(|it| it.0 != name);
                self.book.rates = RateBook::default();
                for (currency, price) in kept {
                    self.book.rates.fix(currency, Rate::parse(price).expect("it is a price"));
                }
            }
        }
    }

    /// Agrees with the merchant where approvals are asked for.
    pub(crate) fn ask_approvals_at(&mut self, url: &str) {
        let agreed = self.book.merchants.get_mut(&merchant().name).expect("it has terms");
        agreed.approval_url = Some(url.to_owned());
    }

    /// Tries the last payout's first delivery, with this result.
    pub(crate) fn deliver_last(&mut self, result: &str) {
        let view = self.find(&PayoutKey::Id(self.last().id)).expect("it is there");
        let mut delivery = view.deliveries.into_iter().next().expect("it has a delivery");
        let message = self.webhook(&view.payout, &delivery);
        let receipt = Receipt {
            acknowledged: result == "HTTP 200",
            body: message.body,
            result: result.to_owned(),
            retry_after_ms: None,
            next_delay_ms: Some(10_000),
        };
        delivery.apply(receipt, NOW);
        self.write(ChangeSet { deliveries: vec![delivery], ..ChangeSet::default() });
    }

    /// Stops the merchant's payouts.
    pub(crate) fn pause(&mut self) {
        let merchant = Merchant { paused: true, version: 2, ..merchant() };
        self.write(ChangeSet { merchants: vec![merchant], ..ChangeSet::default() });
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
        let found = callers.as_ref().map_or(&[][..], Vec::as_slice);
        if let Some(message) = dialect.answer_openly(request, found, &self.context()) {
            return Answered { action: None, refusal: None, message };
        }
        let decoded =
            callers.and_then(|callers| dialect.decode(request, &callers, &self.context()));
        let call = match decoded {
            Ok(call) => call,
            Err(refusal) => return self.refused_by(dialect, None, refusal, request),
        };
        let action = Some(call.action.clone());
        let nonce = call.nonce.clone().map(|it| self.decide(Command::UseNonce(it))).transpose();
        if let (Ok(_), Action::Answer(message)) = (&nonce, &call.action) {
            return Answered { action, refusal: None, message: message.as_ref().clone() };
        }
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

    fn decide(&mut self, command: Command) -> Result<Accepted, Refusal> {
        let desk = Desk {
            catalog: &self.catalog,
            rules: &Rules,
            book: &self.book,
            own_addresses: &self.wallets,
        };
        let outcomes = ready(engine::accept(&self.store, &desk, &[command], NOW));
        let decided = outcomes.expect("the store answers").remove(0);
        if let Some(payout) = decided.as_ref().ok().and_then(Accepted::payout) {
            self.last = Some(payout.id);
        }
        decided
    }

    fn act(&mut self, action: &Action) -> Result<Outcome, Refusal> {
        match action {
            Action::Create(create) => self.change(Command::Create(create.clone())),
            Action::Quote(create) => self.change(Command::Quote(create.clone())),
            Action::Cancel(key) => {
                let payout = self.find(key)?.payout.id;
                self.change(Command::Cancel { merchant: MERCHANT, payout })
            }
            Action::Judge(key, verdict) => {
                let payout = self.find(key)?.payout.id;
                let verdict = verdict.clone();
                self.change(Command::Judge { merchant: MERCHANT, payout, verdict })
            }
            Action::Transfer { ticker, amount, direction } => self.change(Command::Transfer {
                merchant: MERCHANT,
                ticker: ticker.clone(),
                amount: *amount,
                direction: *direction,
            }),
            Action::Show(key) => {
                let PayoutView { payout, events, available, .. } = self.find(key)?;
                let payout = Box::new(payout);
                Ok(Outcome::Payout { payout, events, available, fresh: false })
            }
            Action::ShowAll(keys) => {
                let found = keys.iter().filter_map(|key| self.find(key).ok());
                let page = found.map(|it| it.payout).collect();
                Ok(Outcome::Payouts { page, more: false, available: self.available() })
            }
            Action::List(query) => Ok(self.list(query)),
            Action::Balances => {
                let held = |account| ready(self.store.held(&account)).expect("reachable");
                Ok(Outcome::Balances {
                    available: held(LedgerAccount::Available(MERCHANT)),
                    personal: held(LedgerAccount::Personal(MERCHANT)),
                })
            }
            Action::ShowDelivery(key, number) => {
                let PayoutView { payout, deliveries, .. } = self.find(key)?;
                let delivery = deliveries.into_iter().find(|it| it.id.number == *number);
                let delivery = Box::new(delivery.ok_or(Refusal::NotFound)?);
                let key = self.callers.iter().find(|it| Some(it.key.id) == payout.key);
                let key = key.map(|it| Box::new(it.key.clone()));
                Ok(Outcome::Delivery(Box::new(payout), delivery, key))
            }
            Action::TestWebhook { about, .. } => {
                about.as_ref().map(|key| self.find(key)).transpose()?;
                Ok(Outcome::Posted { acknowledged: true, result: "HTTP 200".to_owned() })
            }
            Action::Answer(_) => panic!("it is answered already"),
        }
    }

    fn list(&self, query: &PageQuery) -> Outcome {
        let (merchant, count_max) = (Some(MERCHANT), query.count_max + 1);
        let query = PageQuery { merchant, count_max, ..query.clone() };
        let mut page = ready(self.store.page(&query)).expect("reachable");
        let more = page.len() == usize::try_from(count_max).expect("a page is small");
        if more && query.after.is_some() {
            page.remove(0);
        } else if more {
            page.pop();
        }
        Outcome::Payouts { page, more, available: self.available() }
    }

    fn available(&self) -> Vec<(AssetId, Amount)> {
        ready(self.store.held(&LedgerAccount::Available(MERCHANT))).expect("reachable")
    }

    fn change(&mut self, command: Command) -> Result<Outcome, Refusal> {
        Ok(match self.decide(command)? {
            Accepted::Payout { payout, fresh, available } => {
                let events = self.find(&PayoutKey::Id(payout.id))?.events;
                Outcome::Payout { payout, events, available, fresh }
            }
            Accepted::Quoted(quote, locked) => Outcome::Quoted(quote, locked),
            Accepted::Moved { available, personal } => Outcome::Moved { available, personal },
            Accepted::NonceUsed => panic!("an action uses no nonce"),
        })
    }

    fn find(&self, key: &PayoutKey) -> Result<PayoutView, Refusal> {
        ready(self.store.find_payout(key)).expect("reachable").ok_or(Refusal::NotFound)
    }

    /// How many payouts there are.
    pub(crate) fn payout_count(&self) -> usize {
        self.store.look(|contents| contents.payouts.len())
    }

    fn last(&self) -> Payout {
        let last = self.last.expect("there is a payout");
        self.find(&PayoutKey::Id(last)).expect("it is there").payout
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
        let mut payout = self.last();
        payout.state = state;
        payout.updated_at = NOW.plus_ms(90_000);
        payout.version += 1;
        self.write(ChangeSet { payouts: vec![payout], ..ChangeSet::default() });
    }

    /// Writes the webhook about the last payout's state, or about an earlier status (a word, then
    /// a transaction); `None` if its merchant is not told of it.
    pub(crate) fn tell_last(&self, earlier: &str) -> Option<Message> {
        let payout = &self.last();
        let (mut status, mut txid) = (payout.state.status(), payout.state.txid().cloned());
        if let Some((word, seen)) = earlier.split_once(' ') {
            status = Status::from_word(word).expect("it is the word of a status");
            txid = Some(TxId::new(seen));
        }
        let question = payout.approval.as_ref().and_then(|it| it.url.clone());
        let asked = payout.webhook.as_ref().filter(|it| it.on.contains(&status));
        let url = match status {
            Status::AwaitingApproval => question,
            Status::Queued
            | Status::Sending
            | Status::InBlock
            | Status::Paid
            | Status::Failed
            | Status::Cancelled => asked.map(|it| it.url.clone()),
        }?;
        let delivery = Delivery {
            id: DeliveryId { payout: payout.id, number: 0 },
            url,
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
        Some(self.webhook(payout, &delivery))
    }

    fn webhook(&self, payout: &Payout, delivery: &Delivery) -> Message {
        let caller = self.callers.iter().find(|it| Some(it.key.id) == payout.key);
        let Caller { key, secret, .. } = caller.expect("a credential asked for the payout");
        let webhook = Webhook { payout, delivery, key, secret };
        let dialect = dialects::dialect(payout.dialect.as_str()).expect("it came by a dialect");
        dialect.webhook(&webhook, &self.context())
    }
}
