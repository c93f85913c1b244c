//! Deciding about commands, in order, over facts that are in memory.
//!
//! Whether a payout exists already is the first question asked, so that a repetition is answered
//! with the first outcome whatever else has changed since.

use std::collections::BTreeSet;

use crate::{
    Timestamp,
    catalog::{Catalog, Destination, DestinationError},
    command::{Accepted, Command, CreatePayout, Nonce, OnOtherContent, Refusal},
    event::EventKind,
    follow,
    ids::{MerchantId, NetworkId, PayoutId},
    ledger,
    money::Amount,
    payout::{Payout, PayoutState},
    ports::{AcceptNeeds, AcceptView, AddressRules, ChangeSet, Claim, ClaimScope},
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
pub fn needs(commands: &[Command]) -> AcceptNeeds {
    let mut needs = AcceptNeeds::default();
    for command in commands {
        match command {
            Command::Create(create) => {
                needs.merchants.insert(create.merchant);
                needs.claims.extend(names(create));
                needs.claims.extend(create.nonce.as_ref().map(nonce_claim));
                needs.public_ids.extend(create.public_ids.iter().cloned());
                needs.available.insert((create.merchant, create.asset.clone()));
            }
            Command::Cancel { payout, .. } => {
                needs.payouts.insert(*payout);
            }
            Command::UseNonce(nonce) => {
                needs.claims.insert(nonce_claim(nonce));
            }
        }
    }
    needs
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
            Command::Cancel { merchant, payout } => self.cancel(*merchant, *payout, now),
            Command::UseNonce(nonce) => {
                self.use_nonce(nonce)?;
                Ok(Accepted { payout: None, fresh: true, available: Amount::ZERO })
            }
        }
    }

    fn create(
        &mut self,
        desk: &Desk<'_>,
        create: &CreatePayout,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        if let Some(existing) = self.existing(create)? {
            return self.repeat(desk, create, existing);
        }
        if let Some(nonce) = &create.nonce {
            self.use_nonce(nonce)?;
        }
        let merchant = self.view.merchants.get(&create.merchant).ok_or(Refusal::NotFound)?;
        if merchant.paused {
            return Err(Refusal::MerchantPaused);
        }
        let destination = destination(desk, create)?;
        let asset = desk.catalog.asset(create.asset.as_str()).ok_or(Refusal::UnknownAsset)?;
        check_not_ours_or_a_token(desk, &asset.network, &destination)?;
        let quote = desk.book.quote(&create.asset, create.asked, create.bearer, now)?;
        let line = (create.merchant, create.asset.clone());
        let before = self.view.available.get(&line).copied().unwrap_or_default();
        let available = before.checked_sub(quote.price()).ok_or(Refusal::InsufficientFunds)?;
        let untaken = create.public_ids.iter().find(|it| !self.view.public_ids.contains(*it));
        let public_id = untaken.ok_or(Refusal::Unavailable("no free identifier was drawn"))?;
        let payout = Payout {
            id: create.id,
            public_id: public_id.clone(),
            merchant: create.merchant,
            dialect: create.dialect.clone(),
            key: create.key,
            merchant_ref: create.merchant_ref.clone(),
            network: asset.network.clone(),
            asset: create.asset.clone(),
            destination,
            quote,
            webhook: create.webhook.clone(),
            note: create.note.clone(),
            state: PayoutState::Queued,
            delivery_count: 0,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        self.view.available.insert(line, available);
        self.view.public_ids.insert(payout.public_id.clone());
        for name in names(create) {
            self.view.claims.insert(name.clone(), Some(payout.id));
            self.change.claims.push((name, Some(payout.id)));
        }
        self.change.postings.extend(ledger::reserve(&payout, now));
        follow::tell(&payout, EventKind::Accepted, String::new(), now, &mut self.change);
        self.change.payouts.push(payout.clone());
        self.view.payouts.insert(payout.id, payout.clone());
        Ok(Accepted { payout: Some(payout), fresh: true, available })
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
        let same = payout.asset == create.asset
            && payout.quote.asked == create.asked
            && payout.quote.bearer == create.bearer
            && payout.merchant_ref == create.merchant_ref
            && destination(desk, create).as_ref() == Ok(&payout.destination);
        // Another API's payout with other content is not what its documents promise to answer.
        let may_differ = match create.on_other_content {
            OnOtherContent::Refuse => false,
            OnOtherContent::AnswerExisting => payout.dialect == create.dialect,
        };
        if !same && !may_differ {
            return Err(Refusal::RefReused);
        }
        let available = self.available(&payout);
        Ok(Accepted { payout: Some(payout), fresh: false, available })
    }

    fn cancel(
        &mut self,
        merchant: MerchantId,
        payout: PayoutId,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        let found = self.view.payouts.get(&payout).filter(|it| it.merchant == merchant);
        let mut payout = found.ok_or(Refusal::NotFound)?.clone();
        if payout.state == PayoutState::Cancelled {
            let available = self.available(&payout);
            return Ok(Accepted { payout: Some(payout), fresh: false, available });
        }
        let state = payout.state.cancel().map_err(|_| Refusal::NotCancellable)?;
        let left = self.available(&payout).checked_add(payout.quote.price());
        let available = left.expect("what was reserved was part of a balance that fitted");
        self.view.available.insert((merchant, payout.asset.clone()), available);
        self.change.postings.extend(ledger::release(&payout, now));
        follow::tell(&payout, EventKind::Cancelled, String::new(), now, &mut self.change);
        follow::enter(&mut payout, state, now, &mut self.change);
        // A payout that this sitting created is still the first version of itself.
        match self.change.payouts.iter_mut().find(|it| it.id == payout.id) {
            Some(written) => *written = payout.clone(),
            None => {
                payout.version += 1;
                self.change.payouts.push(payout.clone());
            }
        }
        self.view.payouts.insert(payout.id, payout.clone());
        Ok(Accepted { payout: Some(payout), fresh: true, available })
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

    fn available(&self, payout: &Payout) -> Amount {
        let line = (payout.merchant, payout.asset.clone());
        self.view.available.get(&line).copied().unwrap_or_default()
    }
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

fn destination(desk: &Desk<'_>, create: &CreatePayout) -> Result<Destination, Refusal> {
    let asset = desk.catalog.asset(create.asset.as_str()).ok_or(Refusal::UnknownAsset)?;
    let network = desk.catalog.network_of(asset);
    desk.rules.parse(network, &create.address, create.memo.as_deref()).map_err(Refusal::Destination)
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
