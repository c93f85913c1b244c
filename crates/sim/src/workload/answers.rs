//! Whether an answer is one that a merchant can live with.

use domain::{
    command::{Accepted, Asked as AskedAmount, Command, CreatePayout, OnOtherContent, Refusal},
    ids::PayoutId,
    payout::{PayoutState, Status},
    ports::{Claim, ClaimScope},
};

use super::{Answers, Asked, Expected, Order, Slice, Workload};
use crate::{
    auditor::{Violation, must},
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
    pub fn hear(
        &mut self,
        slice: &Slice,
        answers: &Answers,
        contents: &Contents,
    ) -> Result<(), Violation> {
        must!(answers.len() == slice.asked.len(), "{} answers are missing", slice.asked.len());
        for ((command, asked), answer) in slice.commands.iter().zip(&slice.asked).zip(answers) {
            if let Err(Refusal::Unavailable(why)) = answer {
                must!(slice.faulty, "{command:?} was put off although nothing was wrong: {why}");
                continue;
            }
            match (command, asked) {
                (Command::Create(create), Asked::Create { order, .. }) => {
                    let told = self.heard_of_order(create, asked, answer, contents);
                    let told = told.map_err(|why| format!("{why}: {create:?} -> {answer:?}"))?;
                    self.orders[*order].answered = true;
                    self.orders[*order].told = told.or(self.orders[*order].told);
                }
                (Command::Cancel { .. }, _) => check_cancel(asked, answer, contents)?,
                (Command::UseNonce(nonce), Asked::UseNonce { used: false }) => {
                    must!(answer.is_ok(), "{nonce:?} was refused: {answer:?}");
                    self.used_nonces.push(nonce.clone());
                }
                (Command::UseNonce(nonce), _) => must!(
                    answer == &Err(Refusal::NonceReused),
                    "{nonce:?} was taken twice: {answer:?}"
                ),
                (Command::Create(_), Asked::Cancel { .. } | Asked::UseNonce { .. })
                | (
                    Command::Judge { .. }
                    | Command::Expire(_)
                    | Command::Transfer { .. }
                    | Command::Quote(_),
                    _,
                ) => {}
            }
        }
        Ok(())
    }

    fn heard_of_order(
        &mut self,
        create: &CreatePayout,
        asked: &Asked,
        answer: &Result<Accepted, Refusal>,
        contents: &Contents,
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
                if accepted.changed().is_some() {
                    must!(before.is_none(), "it existed already as {before:?}");
                    must!(!nonce_is_used, "its nonce was used before");
                    must!(payout.id == create.id, "it became another payout");
                    must!(is_what_was_asked(payout, create), "that is not what was asked");
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
                    must!(reused || may_refuse(order, refusal), "there is no reason for that");
                }
                Ok(None)
            }
        }
    }
}

fn is_what_was_asked(payout: &domain::payout::Payout, create: &CreatePayout) -> bool {
    payout.merchant == create.merchant
        && payout.asset == create.asset
        && AskedAmount::Exact(payout.quote.asked) == create.asked
        && payout.quote.bearer == create.bearer
        && payout.destination.address == create.address.to_ascii_lowercase()
        && payout.destination.memo == create.memo
        && create.public_ids.contains(&payout.public_id)
}

fn may_refuse(order: &Order, refusal: &Refusal) -> bool {
    match order.expected {
        Expected::Accepted => {
            order.create.merchant == scene::POOR && *refusal == Refusal::InsufficientFunds
        }
        Expected::BadDestination => matches!(refusal, Refusal::Destination(_)),
        Expected::TooLarge => matches!(refusal, Refusal::AmountTooLarge { .. }),
        Expected::TooSmall => matches!(refusal, Refusal::AmountTooSmall { .. }),
        Expected::UnknownAsset => *refusal == Refusal::UnknownAsset,
        Expected::AssetUnavailable => *refusal == Refusal::AssetUnavailable,
        Expected::Stopped => *refusal == Refusal::MerchantPaused,
    }
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
            let could = state == Some(&PayoutState::Queued) || *status == Some(Status::Cancelled);
            must!(!could, "{payout} could have been cancelled: {state:?}");
        }
        Err(refusal) => return Err(format!("{payout} was not cancelled: {refusal:?}")),
    }
    Ok(())
}
