//! Brings webhooks to their receivers: a dialect writes them, the guarded client sends them.

use std::sync::Arc;

use dialects::{Dialect, Message, Webhook};
use domain::{
    BoxFuture, Timestamp,
    delivery::Receipt,
    merchant::ApiKey,
    ports::{Courier, DeliveryView, Unreachable},
};
use net::{Client, Limits, SendError};

use crate::{app::App, clock};

/// How much of a receiver's answer is read.
const ANSWER_BYTES_MAX: usize = 4_096;

/// Sends webhooks over HTTP.
pub(crate) struct HttpCourier {
    /// The gateway.
    pub(crate) app: Arc<App>,
    /// The guarded client.
    pub(crate) client: Client,
    /// How long a receiver may take.
    pub(crate) timeout_ms: u64,
}

impl Courier for HttpCourier {
    fn deliver<'a>(
        &'a self,
        view: &'a DeliveryView,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Receipt, Unreachable>> {
        Box::pin(async move {
            let tries = view.delivery.tries.saturating_add(1);
            let Some(dialect) = dialects::dialect(view.payout.dialect.as_str()) else {
                return Ok(undeliverable(format!("no dialect {} any more", view.payout.dialect)));
            };
            let Some(key) = self.signing_key(view).await? else {
                return Ok(undeliverable("no credential to sign with".to_owned()));
            };
            let secret = self.app.unseal(&key).map_err(|error| {
                tracing::error!("{error:#}");
                Unreachable
            })?;
            let (book, random) = (self.app.book(), clock::random());
            let context = self.app.context(&book, now, view.payout.id, &random);
            let webhook = Webhook {
                payout: &view.payout,
                delivery: &view.delivery,
                key: &key,
                secret: &secret,
            };
            let message = dialect.webhook(&webhook, &context);
            let limits = Limits { timeout_ms: self.timeout_ms, body_bytes_max: ANSWER_BYTES_MAX };
            let body = message.body.clone();
            let url = &view.delivery.url;
            let sent = self.client.post(url, &message.headers, message.body, limits).await;
            Ok(self.receipt(dialect, tries, body, sent))
        })
    }
}

impl HttpCourier {
    /// Posts a message once; says whether it was acknowledged in the way of a dialect, and what came
    /// back.
    pub(crate) async fn post(
        &self,
        dialect: &dyn Dialect,
        url: &str,
        message: &Message,
    ) -> (bool, String) {
        let limits = Limits { timeout_ms: self.timeout_ms, body_bytes_max: ANSWER_BYTES_MAX };
        match self.client.post(url, &message.headers, message.body.clone(), limits).await {
            Ok(answer) => (dialect.acknowledges(answer.status), format!("HTTP {}", answer.status)),
            Err(SendError::Refused(why)) => (false, format!("not sent: {why}")),
            Err(SendError::Unreachable(why)) => (false, format!("no answer: {why}")),
        }
    }

    /// The credential that asked for the payout; if it was revoked, the merchant's newest of the
    /// same kind, since a receiver must not trust a secret that may have leaked. A merchant that
    /// has none any more is still told, with the old one.
    async fn signing_key(&self, view: &DeliveryView) -> Result<Option<ApiKey>, Unreachable> {
        let Some(key) = &view.key else { return Ok(None) };
        if key.revoked_at.is_none() {
            return Ok(Some(key.clone()));
        }
        let keys = self.app.store.keys_of(key.merchant).await?;
        let fits = |it: &ApiKey| {
            it.revoked_at.is_none() && it.dialect == key.dialect && it.role == key.role
        };
        let mut good: Vec<ApiKey> = keys.into_iter().filter(fits).collect();
        // Oldest first; of two that serve, the one that the same requests are looked up by.
        good.sort_by_key(|it| it.lookup == key.lookup);
        Ok(Some(good.pop().unwrap_or_else(|| key.clone())))
    }

    fn receipt(
        &self,
        dialect: &dyn Dialect,
        tries: u16,
        body: Vec<u8>,
        sent: Result<net::Response, SendError>,
    ) -> Receipt {
        let mut receipt = Receipt {
            acknowledged: false,
            body,
            result: String::new(),
            retry_after_ms: None,
            next_delay_ms: dialect.retry_delay_ms(tries),
        };
        match sent {
            Ok(response) => {
                receipt.acknowledged = dialect.acknowledges(response.status);
                receipt.result = format!("HTTP {}", response.status);
                receipt.retry_after_ms =
                    response.retry_after_seconds.map(|it| it.saturating_mul(1_000));
            }
            Err(SendError::Refused(why)) => receipt.result = format!("not sent: {why}"),
            Err(SendError::Unreachable(why)) => receipt.result = format!("no answer: {why}"),
        }
        let counted = if receipt.acknowledged {
            &self.app.metrics.webhooks_delivered
        } else {
            &self.app.metrics.webhooks_failed
        };
        counted.inc();
        receipt
    }
}

fn undeliverable(why: String) -> Receipt {
    Receipt {
        acknowledged: false,
        body: vec![],
        result: why,
        retry_after_ms: None,
        next_delay_ms: None,
    }
}
