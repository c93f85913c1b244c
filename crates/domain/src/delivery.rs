//! The delivery: one webhook and the tries to bring it to its receiver.

use crate::{
    Timestamp,
    ids::{DeliveryId, TxId},
    payout::Status,
};

/// One webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Our identifier.
    pub id: DeliveryId,
    /// The address to post to, as it was when the state changed.
    pub url: String,
    /// The status it tells of; later ones have deliveries of their own.
    pub status: Status,
    /// The transaction, as far as it was known.
    pub txid: Option<TxId>,
    /// When the status was reached.
    pub occurred_at: Timestamp,
    /// How far it has come.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u16,
    /// When it is worth trying (again).
    pub due_at: Timestamp,
    /// What the last try brought, for people.
    pub last_result: String,
    /// The last body that was sent, byte for byte.
    pub body: Vec<u8>,
    /// Counts commits, for optimistic concurrency.
    pub version: u64,
}

/// How far a delivery has come. The two last states are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be tried.
    Due,
    /// The receiver acknowledged it.
    Delivered,
    /// The schedule is exhausted.
    GivenUp,
}

/// What one try brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whether the receiver acknowledged the webhook.
    pub acknowledged: bool,
    /// What was sent.
    pub body: Vec<u8>,
    /// What came back, in a few words.
    pub result: String,
    /// How long the receiver asks us to wait, if it does.
    pub retry_after_ms: Option<u64>,
    /// When to try again after this many tries; `None` if the schedule has no more.
    pub next_delay_ms: Option<u64>,
}

/// The longest wait a receiver may ask for.
const RETRY_AFTER_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

impl Delivery {
    /// Takes in what a try brought.
    ///
    /// # Panics
    /// If the delivery has ended already: whoever loads it looks first.
    pub fn apply(&mut self, receipt: Receipt, now: Timestamp) {
        assert_eq!(self.state, DeliveryState::Due, "an ended delivery is not tried");
        self.version += 1;
        self.tries = self.tries.saturating_add(1);
        self.body = receipt.body;
        self.last_result = receipt.result;
        if receipt.acknowledged {
            self.state = DeliveryState::Delivered;
            self.due_at = Timestamp::NEVER;
            return;
        }
        match receipt.next_delay_ms {
            Some(delay_ms) => {
                let asked_ms = receipt.retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MS_MAX);
                self.due_at = now.plus_ms(delay_ms.max(asked_ms));
            }
            None => {
                self.state = DeliveryState::GivenUp;
                self.due_at = Timestamp::NEVER;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PayoutId;

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId { payout: PayoutId(1), number: 0 },
            url: "https://merchant.example/hook".to_owned(),
            status: Status::Paid,
            txid: None,
            occurred_at: Timestamp(0),
            state: DeliveryState::Due,
            tries: 0,
            due_at: Timestamp(0),
            last_result: String::new(),
            body: vec![],
            version: 1,
        }
    }

    fn receipt(acknowledged: bool, asked: Option<u64>, next: Option<u64>) -> Receipt {
        Receipt {
            acknowledged,
            body: b"{}".to_vec(),
            result: "503".to_owned(),
            retry_after_ms: asked,
            next_delay_ms: next,
        }
    }

    #[test]
    fn waits_as_the_schedule_or_the_receiver_says_and_gives_up_in_the_end() {
        let mut it = delivery();
        it.apply(receipt(false, None, Some(10)), Timestamp(100));
        assert_eq!((it.state, it.due_at), (DeliveryState::Due, Timestamp(110)));
        it.apply(receipt(false, Some(500), Some(10)), Timestamp(110));
        assert_eq!(it.due_at, Timestamp(610));
        it.apply(receipt(false, Some(u64::MAX), Some(10)), Timestamp(0));
        assert_eq!(it.due_at, Timestamp(RETRY_AFTER_MS_MAX));
        it.apply(receipt(false, Some(500), None), Timestamp(700));
        assert_eq!((it.state, it.tries, it.version), (DeliveryState::GivenUp, 4, 5));
    }

    #[test]
    fn an_acknowledged_delivery_is_never_due_again() {
        let mut it = delivery();
        it.apply(receipt(true, None, Some(10)), Timestamp(100));
        assert_eq!((it.state, it.due_at), (DeliveryState::Delivered, Timestamp::NEVER));
    }
}
