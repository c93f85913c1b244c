//! Whether an answer is one that a merchant can live with.

use domain::{
    command::{Accepted, Command, CreatePayout, OnOtherContent, Refusal},
    event::EventKind,
    ids::PayoutId,
    payout::{PayoutState, Status, Verdict},
    ports::{Claim, ClaimScope},
    pricing::{Locked, Promise},
    quote::Quote,
};

use super::{Answers, Asked, Expected, Moment, Order, Slice, Workload, refusals};
use crate::{
    auditor::{Violation, must, prices::Case},
    scene,
    store::Contents,
};

/// The payout that the names of a request stand for.
pub(super) fn stored(create: &CreatePayout, contents: &Contents) -> Option<PayoutId> {
    let by_key = create.idempotency_key.as_ref().and_then(|text| {
        let (scope, owner) = (ClaimScope::IdempotencyKey, create.merchant.0);
        contents.claims.get(&Claim { scope, owner, text: text.clone() }).copied().flatten()
    });
    let by_ref = create.merchant_ref.as_ref();
    by_key.or_else(|| contents.payout_by_ref(create.merchant, by_ref?))
}

impl Workload {
    /// The merchants hear the answers.
    ///
    /// # Errors
    /// Says which answer must never be given.
    pub(crate) fn hear(
        &mut self,
        slice: &Slice,
        answers: &Answers,
        contents: &Contents,
        mut moment: Moment<'_>,
    ) -> Result<(), Violation> {
        must!(answers.len() == slice.asked.len(), "{} answers are missing", slice.asked.len());
        for ((command, asked), answer) in slice.commands.iter().zip(&slice.asked).zip(answers) {
            if let Err(Refusal::Unavailable(why)) = answer {
                must!(slice.faulty, "{command:?} was put off although nothing was wrong: {why}");
                continue;
            }
            match (command, asked) {
                (Command::Create(create), Asked::Create { order, .. }) => {
                    let told = self.heard_of_order(create, asked, answer, (contents, &moment));
                    let told = told.map_err(|why| format!("{why}: {create:?} -> {answer:?}"))?;
                    self.orders[*order].answered = true;
                    self.orders[*order].told = told.or(self.orders[*order].told);
                }
                (Command::Quote(create), Asked::Quote { order }) => {
                    let heard = self.heard_of_quote(*order, create, answer, &moment);
                    heard.map_err(|why| format!("{why}: {create:?} -> {answer:?}"))?;
                }
                (Command::Cancel { .. }, _) => check_cancel(asked, answer, contents)?,
                (Command::Judge { verdict, .. }, _) => {
                    check_judge(asked, verdict, answer, (contents, &moment))?;
                }
                (Command::Transfer { .. }, Asked::Transfer(transfer)) => {
                    self.heard_of_transfer(*transfer, answer)
                        .map_err(|why| format!("{why} -> {answer:?}"))?;
                }
                (Command::UseNonce(nonce), Asked::UseNonce { used: false }) => {
                    must!(answer.is_ok(), "{nonce:?} was refused: {answer:?}");
                    self.used_nonces.push(nonce.clone());
                }
                (Command::UseNonce(nonce), _) => must!(
                    answer == &Err(Refusal::NonceReused),
                    "{nonce:?} was taken twice: {answer:?}"
                ),
                (
                    Command::Create(_)
                    | Command::Quote(_)
                    | Command::Transfer { .. }
                    | Command::Expire(_),
                    _,
                ) => must!(false, "{command:?} does not mean {asked:?}"),
            }
            if answer.is_ok() {
                moment.balances = None;
            }
        }
        Ok(())
    }

    /// A quote is what the payout will cost, and promises just that.
    fn heard_of_quote(
        &mut self,
        order: usize,
        create: &CreatePayout,
        answer: &Result<Accepted, Refusal>,
        moment: &Moment<'_>,
    ) -> Result<(), Violation> {
        let order = &mut self.orders[order];
        let (quote, locked) = match answer {
            Ok(Accepted::Quoted(quote, locked)) => (quote, locked),
            Ok(Accepted::Payout { .. } | Accepted::Moved { .. } | Accepted::NonceUsed) => {
                return Err("that is no quote".to_owned());
            }
            Err(refusal) => {
                let expected = order.expected_price;
                let justified = refusals::may_refuse(expected, create, refusal, moment);
                must!(justified, "there is no reason for that");
                return Ok(());
            }
        };
        Case { create, quote, market: moment.market, at: moment.at }.check()?;
        let expected = Locked {
            asset: create.asset.clone(),
            network_fee: quote.network_fee,
            priority: create.priority,
            promise: locked.promise.as_ref().map(|it| Promise {
                id: create.id,
                wish: create.wish(),
                prices: it.prices.clone(),
            }),
            until: moment.at.plus_ms(scene::QUOTE_MS),
        };
        must!(**locked == expected, "{expected:?} should be promised");
        order.quoted = Some((quote.as_ref().clone(), locked.as_ref().clone()));
        Ok(())
    }

    fn heard_of_order(
        &mut self,
        create: &CreatePayout,
        asked: &Asked,
        answer: &Result<Accepted, Refusal>,
        (contents, moment): (&Contents, &Moment<'_>),
    ) -> Result<Option<PayoutId>, Violation> {
        let Asked::Create { order, other_content, nonce_is_used, stored: before } = asked else {
            return Ok(None);
        };
        let order = &self.orders[*order];
        match answer {
            Ok(accepted) => {
                let payout = accepted.payout().ok_or("no payout in the answer")?;
                let known = stored(create, contents);
                must!(known == Some(payout.id), "the order's payout is {known:?}");
                must!(order.told.is_none_or(|it| it == payout.id), "told {:?} before", order.told);
                must!(order.expected == Expected::Accepted, "it had to be refused");
                must!(
                    !other_content || create.on_other_content == OnOtherContent::AnswerExisting,
                    "it says something else than before"
                );
                let first = contents.payouts.get(&payout.id);
                let is_first = first
                    .is_some_and(|it| it.quote == payout.quote && it.content == payout.content);
                must!(is_first, "the first answer was {first:?}");
                if accepted.changed().is_some() {
                    must!(before.is_none(), "it existed already as {before:?}");
                    must!(!nonce_is_used, "its nonce was used before");
                    must!(payout.id == create.id, "it became another payout");
                    check_promise(order, create, &payout.quote)?;
                    if let Some(promise) = create.promise() {
                        must!(self.kept.insert(promise.id), "a promise is kept twice");
                    }
                    self.used_nonces.extend(create.nonce.clone());
                } else {
                    must!(payout.id != create.id, "it was created, not found");
                }
                Ok(Some(payout.id))
            }
            Err(refusal) => {
                must!(!contents.payouts.contains_key(&create.id), "it was created all the same");
                if before.is_some() {
                    let conflict = *other_content
                        && create.on_other_content == OnOtherContent::Refuse
                        && *refusal == Refusal::RefReused;
                    must!(conflict, "it exists as {before:?}");
                } else {
                    let reused = *nonce_is_used && *refusal == Refusal::NonceReused;
                    let justified = refusals::may_refuse(order.expected, create, refusal, moment);
                    let kept = *refusal == Refusal::QuoteExpired && is_kept(create, contents);
                    must!(reused || kept || justified, "there is no reason for that");
                }
                Ok(None)
            }
        }
    }
}

/// What was quoted is what is charged.
fn check_promise(order: &Order, create: &CreatePayout, quote: &Quote) -> Result<(), Violation> {
    let Some((promised, locked)) = &order.quoted else { return Ok(()) };
    if create.locked.as_ref() != Some(locked) {
        return Ok(());
    }
    let figures = |it: &Quote| (it.asked, it.amount, it.service_fee, it.network_fee);
    must!(figures(promised) == figures(quote), "{promised:?} was promised");
    Ok(())
}

fn check_cancel(
    asked: &Asked,
    answer: &Result<Accepted, Refusal>,
    contents: &Contents,
) -> Result<(), Violation> {
    let Asked::Cancel { payout, foreign, status } = asked else { return Ok(()) };
    let state = contents.payouts.get(payout).map(|it| &it.state);
    match answer {
        Ok(_) => {
            must!(!foreign, "{payout} was cancelled by a stranger");
            must!(
                state == Some(&PayoutState::Cancelled),
                "{payout} was cancelled, and is {state:?}"
            );
        }
        Err(Refusal::NotFound) => {
            must!(*foreign || status.is_none(), "{payout} was not found by its merchant");
        }
        Err(Refusal::NotCancellable) => {
            must!(!foreign, "a stranger was told about {payout}");
            // It may have been on its way when it was asked.
            let returned = contents
                .events
                .iter()
                .any(|it| it.payout == *payout && it.kind == EventKind::Requeued);
            let waits = matches!(state, Some(PayoutState::Queued | PayoutState::AwaitingApproval));
            let could = (waits && !returned) || *status == Some(Status::Cancelled);
            must!(!could, "{payout} could have been cancelled: {state:?}");
        }
        Err(refusal) => return Err(format!("{payout} was not cancelled: {refusal:?}")),
    }
    Ok(())
}

fn check_judge(
    asked: &Asked,
    verdict: &Verdict,
    answer: &Result<Accepted, Refusal>,
    (contents, moment): (&Contents, &Moment<'_>),
) -> Result<(), Violation> {
    let Asked::Judge { payout: id, foreign, status } = asked else { return Ok(()) };
    let payout = contents.payouts.get(id);
    let approval = payout.and_then(|it| it.approval.as_ref());
    let given = approval.and_then(|it| it.verdict.as_ref());
    match answer {
        Ok(accepted) => {
            must!(!foreign, "{id} was judged by a stranger");
            let fresh = accepted.changed().is_some();
            let is_given = given.is_some_and(|it| it.approve == verdict.approve);
            must!(is_given, "{id} was judged, and the verdict is {given:?}");
            must!(!fresh || given == Some(verdict), "{id}: somebody else's verdict, {given:?}");
        }
        Err(Refusal::NotFound) => {
            must!(*foreign || status.is_none(), "{id} was not found by its merchant");
        }
        Err(Refusal::NotAwaitingApproval) => {
            must!(!foreign, "a stranger was told about {id}");
            let in_time = approval.is_some_and(|it| moment.at <= it.until);
            let waits = payout.is_some_and(|it| it.state == PayoutState::AwaitingApproval);
            let same = given.is_some_and(|it| it.approve == verdict.approve);
            must!(!in_time || !(waits || same), "{id} could have been judged: {payout:?}");
        }
        Err(refusal) => return Err(format!("{id} was not judged: {refusal:?}")),
    }
    Ok(())
}

/// The promise that a request shows was kept already.
fn is_kept(create: &CreatePayout, contents: &Contents) -> bool {
    create.promise().is_some_and(|promise| {
        let (scope, owner) = (ClaimScope::Promise, create.merchant.0);
        contents.claims.contains_key(&Claim { scope, owner, text: promise.id.to_string() })
    })
}
