//! Deciding about commands, in order, over facts that are in memory.
//!
//! Whether a payout exists already is the first question asked, so that a repetition is answered
//! with the first outcome whatever else has changed since.

use std::collections::BTreeSet;

use crate::{
    Timestamp,
    catalog::{Asset, Catalog, Destination, DestinationError},
    command::{Accepted, Command, CreatePayout, Direction, Nonce, OnOtherContent, Refusal, Source},
    event::EventKind,
    follow,
    ids::{AssetId, BatchId, MerchantId, NetworkId, PayoutId},
    ledger::{self, LedgerAccount, Posting},
    money::{Amount, Decimal},
    payout::{Approval, Payout, PayoutState, Verdict},
    ports::{AcceptNeeds, AcceptView, AddressRules, ChangeSet, Claim, ClaimScope},
    pricing::{self, Funds, Plenty, Question},
    quote::PriceBook,
};

/// The rules and cached facts that decisions rest on.
pub struct Desk<'a> {
    /// Networks and assets.
    pub catalog: &'a Catalog,
    /// Address rules.
    pub rules: &'a dyn AddressRules,
    /// Fees, limits and prices.
    pub book: &'a PriceBook,
    /// The addresses of our own lanes, which are never paid.
    pub own_addresses: &'a BTreeSet<(NetworkId, String)>,
}

/// Says what must be loaded to decide about `commands`.
pub fn needs(desk: &Desk<'_>, commands: &[Command]) -> AcceptNeeds {
    let mut needs = AcceptNeeds::default();
    for command in commands {
        match command {
            Command::Create(create) => {
                needs.keys.extend(create.key);
                needs.claims.extend(names(create));
                needs.claims.extend(create.nonce.as_ref().map(nonce_claim));
                needs.claims.extend(promise_claim(create));
                needs.public_ids.extend(create.public_ids.iter().cloned());
                need_funds(desk, create, &mut needs);
            }
            Command::Quote(create) => {
                needs.merchants.insert(create.merchant);
            }
            Command::Cancel { payout, .. } => {
                needs.leaving.insert(*payout);
            }
            Command::Judge { payout, .. } | Command::Expire(payout) => {
                needs.payouts.insert(*payout);
            }
            Command::Transfer { merchant, ticker, .. } => {
                for asset in desk.catalog.assets().filter(|it| it.ticker == *ticker) {
                    let personal = LedgerAccount::Personal(*merchant);
                    needs.balances.insert((personal, asset.id.clone()));
                    needs.balances.insert((LedgerAccount::Available(*merchant), asset.id.clone()));
                }
            }
            Command::UseNonce(nonce) => {
                needs.claims.insert(nonce_claim(nonce));
            }
        }
    }
    needs
}

/// Everything that a payout may be paid from. Whose terms apply is known when its merchant is
/// loaded, so what is agreed with anybody is loaded.
fn need_funds(desk: &Desk<'_>, create: &CreatePayout, needs: &mut AcceptNeeds) {
    needs.merchants.insert(create.merchant);
    let agreed = std::iter::once(&desk.book.everybody).chain(desk.book.merchants.values());
    let lists = agreed.map(|it| it.sources.as_slice());
    let lists: Vec<&[AssetId]> = match create.source {
        Source::Configured => lists.collect(),
        Source::Own | Source::Ticker(_) => vec![&[]],
    };
    for list in lists {
        for asset in pricing::candidates(desk.catalog, desk.book, list, create) {
            if asset != create.asset {
                // What is paid is bought from the house: everybody's, so it is not held for nothing.
                needs.balances.insert((LedgerAccount::Inventory, create.asset.clone()));
            }
            needs.balances.insert((LedgerAccount::Available(create.merchant), asset));
        }
    }
}

fn names(create: &CreatePayout) -> Vec<Claim> {
    let name = |scope, text: &Option<String>| {
        text.clone().map(|text| Claim { scope, owner: create.merchant.0, text })
    };
    let names = [
        name(ClaimScope::IdempotencyKey, &create.idempotency_key),
        name(ClaimScope::MerchantRef, &create.merchant_ref),
    ];
    names.into_iter().flatten().collect()
}

/// The promise that a request takes up, which is kept once.
fn promise_claim(create: &CreatePayout) -> Option<Claim> {
    let promise = create.promise()?;
    let (scope, owner) = (ClaimScope::Promise, create.merchant.0);
    Some(Claim { scope, owner, text: promise.id.to_string() })
}

fn nonce_claim(nonce: &Nonce) -> Claim {
    Claim { scope: ClaimScope::Nonce, owner: nonce.key.0, text: nonce.text.clone() }
}

/// A sitting: facts as decisions so far have left them, and what those decisions write.
#[derive(Debug, Default)]
pub struct Sitting {
    view: AcceptView,
    change: ChangeSet,
}

impl Sitting {
    /// Begins with what was loaded.
    pub fn new(view: AcceptView) -> Self {
        Self { view, change: ChangeSet::default() }
    }

    /// Ends: what is to be written, with each record once.
    pub fn end(self) -> ChangeSet {
        self.change
    }

    /// Decides about one command. A refusal uses up the nonce and changes nothing else.
    ///
    /// # Errors
    /// Says why not.
    pub fn decide(
        &mut self,
        desk: &Desk<'_>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        match command {
            Command::Create(create) => self.create(desk, create, now),
            Command::Quote(create) => self.quote(desk, create, now),
            Command::Cancel { merchant, payout } => self.cancel(desk, *merchant, *payout, now),
            Command::Judge { merchant, payout, verdict } => {
                self.judge(*merchant, *payout, verdict, now)
            }
            Command::Expire(payout) => self.expire(*payout, now),
            Command::Transfer { merchant, ticker, amount, direction } => {
                self.transfer(desk, (*merchant, ticker), *amount, *direction, now)
            }
            Command::UseNonce(nonce) => {
                self.use_nonce(nonce)?;
                Ok(Accepted::NonceUsed)
            }
        }
    }

    fn create(
        &mut self,
        desk: &Desk<'_>,
        create: &CreatePayout,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        // Whoever understood the request may have known the credential from before.
        let key = create.key.and_then(|it| self.view.keys.get(&it));
        if key.is_some_and(|it| it.is_revoked(now)) {
            return Err(Refusal::Unauthenticated);
        }
        if let Some(existing) = self.existing(create)? {
            return self.repeat(desk, create, existing);
        }
        if let Some(nonce) = &create.nonce {
            self.use_nonce(nonce)?;
        }
        let promise = promise_claim(create);
        if promise.as_ref().is_some_and(|it| self.view.claims.contains_key(it)) {
            return Err(Refusal::QuoteExpired);
        }
        let payout = self.payout(desk, create, now)?;
        for name in names(create).into_iter().chain(promise) {
            self.view.claims.insert(name.clone(), Some(payout.id));
            self.change.claims.push((name, Some(payout.id)));
        }
        let overdraft = overdraft(desk.book, &payout.asset);
        if !payout.quote.conversions.is_empty() && !overdraft.is_zero() {
            self.change.overdrafts.insert(payout.asset.clone(), overdraft);
        }
        Ok(self.take_in(payout, now))
    }

    /// Makes a payout of a request for one.
    fn payout(
        &self,
        desk: &Desk<'_>,
        create: &CreatePayout,
        now: Timestamp,
    ) -> Result<Payout, Refusal> {
        let merchant = self.view.merchants.get(&create.merchant).ok_or(Refusal::NotFound)?;
        if merchant.paused {
            return Err(Refusal::MerchantPaused);
        }
        let destination = destination(desk, create)?;
        let (catalog, book) = (desk.catalog, desk.book);
        let asset = catalog.asset(create.asset.as_str()).ok_or(Refusal::UnknownAsset)?;
        check_not_ours_or_a_token(desk, &asset.network, &destination)?;
        let question = Question { catalog, book, merchant, create, now };
        let overdraft = overdraft(book, &create.asset);
        let funds = Loaded { view: &self.view, merchant: create.merchant, overdraft };
        let quote = question.quote(&funds)?;
        check_is_carried(desk, asset, &destination, quote.amount)?;
        let untaken = create.public_ids.iter().find(|it| !self.view.public_ids.contains(*it));
        let public_id = untaken.ok_or(Refusal::Unavailable("no free identifier was drawn"))?;
        let approval = create.approval.as_ref().map(|it| Approval {
            url: it.url.clone().or_else(|| book.merchant(&merchant.name).approval_url.clone()),
            until: now.plus_ms(book.approval_ms),
            verdict: None,
        });
        let content = content(&create.wish(), &destination);
        let network = asset.network.clone();
        Ok(Payout {
            public_id: public_id.clone(),
            content,
            priority: question.priority(asset),
            approval,
            ..Payout::new(create, network, destination, quote, now)
        })
    }

    /// Takes a new payout into the change and into what later decisions see.
    fn take_in(&mut self, mut payout: Payout, now: Timestamp) -> Accepted {
        self.view.public_ids.insert(payout.public_id.clone());
        self.post(ledger::reserve(&payout, now));
        follow::tell(&payout, EventKind::Accepted, String::new(), now, &mut self.change);
        if payout.approval.is_some() {
            follow::ask_for_approval(&mut payout, now, &mut self.change);
        }
        self.change.payouts.push(payout.clone());
        self.view.payouts.insert(payout.id, payout.clone());
        self.answer(payout, true)
    }

    fn quote(
        &self,
        desk: &Desk<'_>,
        create: &CreatePayout,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        let merchant = self.view.merchants.get(&create.merchant).ok_or(Refusal::NotFound)?;
        let asset = desk.catalog.asset(create.asset.as_str()).ok_or(Refusal::UnknownAsset)?;
        let (catalog, book) = (desk.catalog, desk.book);
        let question = Question { catalog, book, merchant, create, now };
        let quote = question.quote(&Plenty)?;
        let locked = question.lock(asset, &quote)?;
        Ok(Accepted::Quoted(Box::new(quote), Box::new(locked)))
    }

    /// Finds the payout that the command's names stand for. Names that stand for different
    /// payouts are other content.
    fn existing(&self, create: &CreatePayout) -> Result<Option<PayoutId>, Refusal> {
        let mut found: Option<PayoutId> = None;
        for name in names(create) {
            let Some(Some(payout)) = self.view.claims.get(&name) else { continue };
            if found.is_some_and(|it| it != *payout) {
                return Err(Refusal::RefReused);
            }
            found = Some(*payout);
        }
        Ok(found)
    }

    fn repeat(
        &mut self,
        desk: &Desk<'_>,
        create: &CreatePayout,
        existing: PayoutId,
    ) -> Result<Accepted, Refusal> {
        let payout = self.view.payouts.get(&existing).ok_or(Refusal::NotFound)?.clone();
        let same =
            payout.merchant_ref == create.merchant_ref && says_the_same(desk, create, &payout);
        // Another API's payout with other content is not what its documents promise to answer.
        let may_differ = match create.on_other_content {
            OnOtherContent::Refuse => false,
            OnOtherContent::AnswerExisting => payout.dialect == create.dialect,
        };
        if !same && !may_differ {
            return Err(Refusal::RefReused);
        }
        Ok(self.answer(payout, false))
    }

    fn cancel(
        &mut self,
        desk: &Desk<'_>,
        merchant: MerchantId,
        payout: PayoutId,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        let mut payout = self.find(merchant, payout)?;
        if payout.state == PayoutState::Cancelled {
            return Ok(self.answer(payout, false));
        }
        if let Some(batch) = payout.state.unsigned_batch() {
            self.leave(desk, &mut payout, batch, now)?;
        }
        let state = payout.state.cancel().map_err(|_| Refusal::NotCancellable)?;
        Ok(self.withdraw(payout, state, EventKind::Cancelled, String::new(), now))
    }

    /// A payout leaves its batch, which ends; the others of it wait again. Whoever signs for it at the
    /// same time meets a conflict, or was first.
    fn leave(
        &mut self,
        desk: &Desk<'_>,
        payout: &mut Payout,
        batch: BatchId,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let batch = self.view.batches.get(&batch).filter(|it| it.may_be_left(now));
        let batch = batch.ok_or(Refusal::NotCancellable)?.clone();
        let network =
            desk.catalog.network(batch.network.as_str()).ok_or(Refusal::NotCancellable)?;
        let others = batch.payouts.iter().filter(|it| **it != payout.id);
        let loaded = |it| self.view.payouts.get(it).expect("a batch is loaded with its payouts");
        let others = others.map(loaded).cloned().collect();
        self.view.batches.remove(&batch.id);
        let why = "another payout of its batch was withdrawn";
        let begin = self.change.payouts.len();
        follow::split(batch, others, &[], why, &network.fee_asset, now, &mut self.change);
        let others = self.change.payouts.iter().skip(begin);
        self.view.payouts.extend(others.map(|it| (it.id, it.clone())));
        payout.state = payout.state.requeue().map_err(|_| Refusal::NotCancellable)?;
        Ok(())
    }

    fn judge(
        &mut self,
        merchant: MerchantId,
        payout: PayoutId,
        verdict: &Verdict,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        let mut payout = self.find(merchant, payout)?;
        let approval = payout.approval.as_mut().ok_or(Refusal::NotAwaitingApproval)?;
        if let Some(before) = &approval.verdict {
            let same = before.approve == verdict.approve;
            return if same {
                Ok(self.answer(payout, false))
            } else {
                Err(Refusal::NotAwaitingApproval)
            };
        }
        let state = match (verdict.approve, payout.state.approve()) {
            (_, Err(_)) => return Err(Refusal::NotAwaitingApproval),
            (_, Ok(_)) if approval.until < now => return Err(Refusal::NotAwaitingApproval),
            (true, Ok(queued)) => queued,
            (false, Ok(_)) => PayoutState::Cancelled,
        };
        approval.verdict = Some(verdict.clone());
        let by = format!("{} from {}", verdict.key_public, verdict.ip);
        if !verdict.approve {
            return Ok(self.withdraw(payout, state, EventKind::Declined, by, now));
        }
        follow::tell(&payout, EventKind::Approved, by, now, &mut self.change);
        follow::enter(&mut payout, state, now, &mut self.change);
        self.write(&mut payout);
        Ok(self.answer(payout, true))
    }

    fn expire(&mut self, payout: PayoutId, now: Timestamp) -> Result<Accepted, Refusal> {
        let payout = self.view.payouts.get(&payout).ok_or(Refusal::NotFound)?.clone();
        let is_over = payout.approval.as_ref().is_some_and(|it| it.until < now);
        if payout.state != PayoutState::AwaitingApproval || !is_over {
            return Err(Refusal::NotAwaitingApproval);
        }
        let (state, why) = (PayoutState::Cancelled, EventKind::ApprovalExpired);
        Ok(self.withdraw(payout, state, why, String::new(), now))
    }

    fn find(&self, merchant: MerchantId, payout: PayoutId) -> Result<Payout, Refusal> {
        let found = self.view.payouts.get(&payout).filter(|it| it.merchant == merchant);
        found.cloned().ok_or(Refusal::NotFound)
    }

    /// A payout for which no transaction exists ends, and its price returns.
    fn withdraw(
        &mut self,
        mut payout: Payout,
        state: PayoutState,
        why: EventKind,
        detail: String,
        now: Timestamp,
    ) -> Accepted {
        self.post(ledger::release(&payout, now));
        follow::tell(&payout, why, detail, now, &mut self.change);
        follow::enter(&mut payout, state, now, &mut self.change);
        self.write(&mut payout);
        self.answer(payout, true)
    }

    /// Writes a payout that has changed.
    fn write(&mut self, payout: &mut Payout) {
        // A payout that this sitting has written already is still the same version of itself.
        match self.change.payouts.iter_mut().find(|it| it.id == payout.id) {
            Some(written) => *written = payout.clone(),
            None => {
                payout.version += 1;
                self.change.payouts.push(payout.clone());
            }
        }
        self.view.payouts.insert(payout.id, payout.clone());
    }

    /// Moves money of a coin, from the networks in the catalog's order until it is enough.
    fn transfer(
        &mut self,
        desk: &Desk<'_>,
        (merchant, ticker): (MerchantId, &str),
        amount: Decimal,
        direction: Direction,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        let from = match direction {
            Direction::ToPersonal => LedgerAccount::Available(merchant),
            Direction::ToBusiness => LedgerAccount::Personal(merchant),
        };
        if amount.is_zero() {
            return Err(Refusal::AmountTooSmall { minimum: None });
        }
        let assets: Vec<_> = desk.catalog.assets().filter(|it| it.ticker == ticker).collect();
        let most = assets.iter().map(|it| it.decimals).max().ok_or(Refusal::UnknownAsset)?;
        let mut left = amount.amount(most).map_err(Refusal::Amount)?;
        let mut postings = vec![];
        for asset in &assets {
            let has = self.balance(&from, &asset.id);
            // What is smaller than the asset's smallest unit is taken from another network.
            let wanted = left.rescale(most, asset.decimals).min(has);
            if wanted.is_zero() {
                continue;
            }
            postings.push(ledger::transfer(merchant, &asset.id, wanted, direction, now));
            let taken = wanted.rescale(asset.decimals, most);
            left = left.checked_sub(taken).expect("no more is taken than is left");
        }
        if !left.is_zero() {
            return Err(Refusal::InsufficientFunds);
        }
        self.post(postings);
        let sum = |account: LedgerAccount| {
            let units = assets.iter().try_fold(Amount::ZERO, |sum, asset| {
                sum.checked_add(self.balance(&account, &asset.id).rescale(asset.decimals, most))
            });
            Decimal::new(units.unwrap_or(Amount::MAX), most)
        };
        Ok(Accepted::Moved {
            available: sum(LedgerAccount::Available(merchant)),
            personal: sum(LedgerAccount::Personal(merchant)),
        })
    }

    /// Takes postings into the change, and into the balances that later decisions see.
    fn post(&mut self, postings: Vec<Posting>) {
        for it in &postings {
            let units = it.amount.signed();
            for (account, change) in [(&it.debit, -units), (&it.credit, units)] {
                let line = self.view.balances.entry((account.clone(), it.asset.clone()));
                let line = line.or_default();
                *line = line.saturating_add(change);
            }
        }
        self.change.postings.extend(postings);
    }

    fn balance(&self, account: &LedgerAccount, asset: &AssetId) -> Amount {
        let units = self.view.balances.get(&(account.clone(), asset.clone())).copied();
        let units = u128::try_from(units.unwrap_or_default()).unwrap_or_default();
        Amount::from_units(units).unwrap_or_default()
    }

    fn answer(&self, payout: Payout, fresh: bool) -> Accepted {
        let available =
            self.balance(&LedgerAccount::Available(payout.merchant), payout.charged_asset());
        Accepted::Payout { payout: Box::new(payout), fresh, available }
    }

    fn use_nonce(&mut self, nonce: &Nonce) -> Result<(), Refusal> {
        let claim = nonce_claim(nonce);
        if self.view.claims.contains_key(&claim) {
            return Err(Refusal::NonceReused);
        }
        self.view.claims.insert(claim.clone(), None);
        self.change.claims.push((claim, None));
        Ok(())
    }
}

/// Funds as they were loaded and as decisions so far have left them.
struct Loaded<'a> {
    view: &'a AcceptView,
    merchant: MerchantId,
    overdraft: Amount,
}

impl Funds for Loaded<'_> {
    fn available(&self, asset: &AssetId) -> Option<Amount> {
        let line = (LedgerAccount::Available(self.merchant), asset.clone());
        let units = u128::try_from(*self.view.balances.get(&line)?).unwrap_or_default();
        Amount::from_units(units)
    }

    fn inventory(&self, asset: &AssetId) -> Amount {
        let line = (LedgerAccount::Inventory, asset.clone());
        let units = self.view.balances.get(&line).copied().unwrap_or_default();
        let most = units.saturating_add(self.overdraft.signed());
        Amount::from_units(u128::try_from(most).unwrap_or_default()).unwrap_or_default()
    }
}

fn overdraft(book: &PriceBook, asset: &AssetId) -> Amount {
    book.conversion.overdrafts.get(asset).copied().unwrap_or_default()
}

/// What is asked for, in canonical words: the same words are the same content. The address in them
/// is the network's spelling of it.
pub fn content(wish: &str, destination: &Destination) -> String {
    let memo = destination.memo.as_ref().map(|it| format!(" memo {it}")).unwrap_or_default();
    format!("{wish} to {}{memo}", destination.address)
}

/// Payouts that were accepted before anything was exchanged keep the words of then.
fn says_the_same(desk: &Desk<'_>, create: &CreatePayout, payout: &Payout) -> bool {
    let Ok(destination) = destination(desk, create) else { return false };
    let is = |wish: &str| payout.content == content(wish, &destination);
    let decimals = desk.catalog.asset(create.asset.as_str()).map(|it| it.decimals);
    let before = decimals.and_then(|it| create.wish_before_exchanges(it));
    is(&create.wish()) || before.is_some_and(|it| is(&it))
}

/// Money that goes to a token's own contract, or back to ourselves, reaches nobody.
fn check_not_ours_or_a_token(
    desk: &Desk<'_>,
    network: &NetworkId,
    destination: &Destination,
) -> Result<(), Refusal> {
    let address = &destination.address;
    let refuse = |why: &str| Err(Refusal::Destination(DestinationError::Address(why.to_owned())));
    if desk.own_addresses.contains(&(network.clone(), address.clone())) {
        return refuse("this address is one of the gateway's own wallets");
    }
    let mut contracts = desk.catalog.assets_of(network).filter_map(|it| it.contract.as_ref());
    if contracts.any(|it| it.eq_ignore_ascii_case(address)) {
        return refuse("this address is the contract of a token");
    }
    Ok(())
}

/// What a network does not carry to this kind of address is refused now, and not when it is to be
/// sent.
fn check_is_carried(
    desk: &Desk<'_>,
    asset: &Asset,
    destination: &Destination,
    amount: Amount,
) -> Result<(), Refusal> {
    let network = desk.catalog.network_of(asset);
    if asset.contract.is_some() {
        return Ok(());
    }
    let least = desk.rules.least(network, Some(&destination.address));
    if amount >= least {
        return Ok(());
    }
    let agreed = desk.book.terms.get(&asset.id).and_then(|it| it.amount_min);
    Err(Refusal::AmountTooSmall { minimum: Some(agreed.map_or(least, |it| it.max(least))) })
}

fn destination(desk: &Desk<'_>, create: &CreatePayout) -> Result<Destination, Refusal> {
    let asset = desk.catalog.asset(create.asset.as_str()).ok_or(Refusal::UnknownAsset)?;
    let network = desk.catalog.network_of(asset);
    desk.rules.parse(network, &create.address, create.memo.as_deref()).map_err(Refusal::Destination)
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
