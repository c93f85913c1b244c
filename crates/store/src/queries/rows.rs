//! Rows become records. A value that this program does not write is an error that names it.

use std::{borrow::Cow, str::FromStr};

use super::{
    codec,
    value::{Cell, Record},
};
use crate::error::Fault;
use domain::{
    Timestamp,
    batch::{Attempt, Batch, SignedTx},
    catalog::Destination,
    delivery::Delivery,
    event::{Event, EventKind},
    ids::{AssetId, DeliveryId, DialectId, LaneId, NetworkId, TxId},
    lane::Lane,
    lease::Lease,
    ledger::Posting,
    merchant::{ApiKey, Merchant, Sealed},
    money::Amount,
    payout::{Approval, Failure, Payout, PayoutState, Priority, Status, Verdict, Webhook},
    ports::Hold,
    quote::{Quote, Worth},
    rates::Priced,
};

/// The cells of one row. The first column names the row in errors.
pub(crate) struct Cells<'a> {
    row: &'a dyn Record,
    table: &'static str,
}

impl<'a> Cells<'a> {
    pub(crate) fn new(row: &'a dyn Record, table: &'static str) -> Self {
        Self { row, table }
    }

    fn damaged(&self, column: &'static str) -> Fault {
        let row = match self.row.first() {
            Some(Cell::Text(text)) => text.into_owned(),
            Some(Cell::Integer(number)) => number.to_string(),
            Some(Cell::Null | Cell::Bytes(_)) | None => String::new(),
        };
        Fault::Damaged { table: self.table, row, column }
    }

    fn cell(&self, column: &'static str) -> Result<Cell<'a>, Fault> {
        self.row.cell(column).ok_or_else(|| self.damaged(column))
    }

    fn maybe_str(&self, column: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text)),
            Cell::Integer(_) | Cell::Bytes(_) => Err(self.damaged(column)),
        }
    }

    fn str(&self, column: &'static str) -> Result<Cow<'a, str>, Fault> {
        self.maybe_str(column)?.ok_or_else(|| self.damaged(column))
    }

    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, Fault> {
        match self.cell(column)? {
            Cell::Bytes(bytes) => Ok(bytes.to_vec()),
            Cell::Null | Cell::Integer(_) | Cell::Text(_) => Err(self.damaged(column)),
        }
    }

    fn maybe_integer(&self, column: &'static str) -> Result<Option<i64>, Fault> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Integer(number) => Ok(Some(number)),
            Cell::Text(_) | Cell::Bytes(_) => Err(self.damaged(column)),
        }
    }

    /// A text that `parse` understands.
    pub(crate) fn word<T>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Fault> {
        parse(&self.str(column)?).ok_or_else(|| self.damaged(column))
    }

    /// A text that `parse` understands, if there is one.
    pub(crate) fn maybe_word<T>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let Some(text) = self.maybe_str(column)? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| self.damaged(column))
    }

    pub(crate) fn text(&self, column: &'static str) -> Result<String, Fault> {
        self.str(column).map(Cow::into_owned)
    }

    fn maybe_text(&self, column: &'static str) -> Result<Option<String>, Fault> {
        Ok(self.maybe_str(column)?.map(Cow::into_owned))
    }

    /// An identifier that prints as it is stored.
    pub(crate) fn id<T: FromStr>(&self, column: &'static str) -> Result<T, Fault> {
        self.word(column, |it| it.parse().ok())
    }

    pub(crate) fn maybe_id<T: FromStr>(&self, column: &'static str) -> Result<Option<T>, Fault> {
        self.maybe_word(column, |it| it.parse().ok())
    }

    pub(crate) fn asset(&self, column: &'static str) -> Result<AssetId, Fault> {
        self.str(column).map(|it| AssetId::new(&it))
    }

    pub(crate) fn amount(&self, column: &'static str) -> Result<Amount, Fault> {
        self.word(column, codec::amount)
    }

    /// A whole number of a type that may be narrower than the database's.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, Fault> {
        let wide = self.maybe_integer(column)?.ok_or_else(|| self.damaged(column))?;
        T::try_from(wide).map_err(|_| self.damaged(column))
    }

    fn flag(&self, column: &'static str) -> Result<bool, Fault> {
        match self.number::<i64>(column)? {
            0 => Ok(false),
            1 => Ok(true),
            i64::MIN..=-1 | 2.. => Err(self.damaged(column)),
        }
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, Fault> {
        self.number(column).map(Timestamp)
    }

    fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>, Fault> {
        let Some(ms) = self.maybe_integer(column)? else { return Ok(None) };
        u64::try_from(ms).map(|it| Some(Timestamp(it))).map_err(|_| self.damaged(column))
    }

    fn failure(&self, code: &'static str, detail: &'static str) -> Result<Option<Failure>, Fault> {
        let Some(code) = self.maybe_word(code, codec::failure)? else { return Ok(None) };
        Ok(Some(Failure { code, detail: self.text(detail)? }))
    }
}

pub(crate) fn merchant(row: &dyn Record) -> Result<Merchant, Fault> {
    let cells = Cells::new(row, "merchants");
    Ok(Merchant {
        id: cells.id("id")?,
        name: cells.text("name")?,
        webhook_url: cells.maybe_text("webhook_url")?,
        paused: cells.flag("paused")?,
        created_at: cells.time("created_at")?,
        version: cells.number("version")?,
    })
}

pub(crate) fn api_key(row: &dyn Record) -> Result<ApiKey, Fault> {
    let cells = Cells::new(row, "api_keys");
    Ok(ApiKey {
        id: cells.id("id")?,
        merchant: cells.id("merchant")?,
        dialect: DialectId::new(&cells.str("dialect")?),
        role: cells.text("role")?,
        lookup: cells.text("lookup")?,
        secret: Sealed(cells.bytes("secret")?),
        lenient_nonce: cells.flag("lenient_nonce")?,
        created_at: cells.time("created_at")?,
        revoked_at: cells.maybe_time("revoked_at")?,
        version: cells.number("version")?,
    })
}

pub(crate) fn lane(row: &dyn Record) -> Result<Lane, Fault> {
    let cells = Cells::new(row, "lanes");
    Ok(Lane {
        id: LaneId::new(&cells.str("id")?),
        network: NetworkId::new(&cells.str("network")?),
        address: cells.text("address")?,
        key_path: cells.text("key_path")?,
        next_sequence: cells.word("next_sequence", codec::canonical)?,
        version: cells.number("version")?,
    })
}

pub(crate) fn lease(row: &dyn Record) -> Result<Lease, Fault> {
    let cells = Cells::new(row, "leases");
    Ok(Lease {
        name: cells.text("name")?,
        holder: cells.maybe_text("holder")?,
        token: cells.number("token")?,
        version: cells.number("version")?,
    })
}

/// A batch without its payouts and attempts, which are rows of their own.
pub(crate) fn batch(row: &dyn Record) -> Result<Batch, Fault> {
    let cells = Cells::new(row, "batches");
    let hold = match cells.maybe_word("hold_reason", codec::hold)? {
        Some(reason) => Some(Hold { reason, detail: cells.text("hold_detail")? }),
        None => None,
    };
    Ok(Batch {
        id: cells.id("id")?,
        network: NetworkId::new(&cells.str("network")?),
        lane: LaneId::new(&cells.str("lane")?),
        payouts: vec![],
        chore: cells.maybe_word("chore", codec::chore)?,
        attempts: vec![],
        given_up: cells.failure("given_up_code", "given_up_detail")?,
        hold,
        closed: cells.flag("closed")?,
        due_at: cells.time("due_at")?,
        replace_at: cells.time("replace_at")?,
        created_at: cells.time("created_at")?,
        version: cells.number("version")?,
    })
}

pub(crate) fn attempt(row: &dyn Record) -> Result<Attempt, Fault> {
    let cells = Cells::new(row, "attempts");
    Ok(Attempt {
        tx: SignedTx { txid: TxId::new(&cells.str("txid")?), raw: cells.bytes("raw")? },
        sequence: cells.maybe_word("sequence", codec::canonical)?,
        fee_max: cells.amount("fee_max")?,
        status: cells.word("status", codec::attempt)?,
        signed_at: cells.time("signed_at")?,
        fee: cells.maybe_word("fee", codec::amount)?,
        unpaid: cells.word("unpaid", codec::places)?,
        spends: cells.word("spends", codec::coins)?,
    })
}

pub(crate) fn payout(row: &dyn Record) -> Result<Payout, Fault> {
    let cells = Cells::new(row, "payouts");
    let webhook = match cells.maybe_text("webhook_url")? {
        Some(url) => Some(Webhook { url, on: cells.word("webhook_on", codec::statuses)? }),
        None => None,
    };
    Ok(Payout {
        id: cells.id("id")?,
        public_id: cells.text("public_id")?,
        merchant: cells.id("merchant")?,
        dialect: DialectId::new(&cells.str("dialect")?),
        key: cells.maybe_id("api_key")?,
        merchant_ref: cells.maybe_text("merchant_ref")?,
        network: NetworkId::new(&cells.str("network")?),
        asset: cells.asset("asset")?,
        destination: Destination {
            address: cells.text("address")?,
            memo: cells.maybe_text("memo")?,
        },
        quote: quote(&cells)?,
        priority: cells.word("priority", Priority::from_word)?,
        content: cells.text("content")?,
        travels_alone: cells.flag("travels_alone")?,
        approval: approval(&cells)?,
        webhook,
        note: cells.text("note")?,
        state: payout_state(&cells)?,
        delivery_count: cells.number("delivery_count")?,
        created_at: cells.time("created_at")?,
        updated_at: cells.time("updated_at")?,
        version: cells.number("version")?,
    })
}

fn quote(cells: &Cells<'_>) -> Result<Quote, Fault> {
    let quote = Quote {
        asked: cells.amount("asked")?,
        bearer: cells.word("bearer", codec::bearer)?,
        amount: cells.amount("amount")?,
        service_fee: cells.amount("service_fee")?,
        network_fee: cells.amount("network_fee")?,
        usd: priced(cells, "usd_rate", "usd_source", "usd_at")?,
        worth: worth(cells)?,
        conversions: cells.word("conversions", codec::conversions)?,
    };
    if quote.adds_up() { Ok(quote) } else { Err(cells.damaged("amount")) }
}

fn priced(
    cells: &Cells<'_>,
    usd: &'static str,
    source: &'static str,
    at: &'static str,
) -> Result<Option<Priced>, Fault> {
    let Some(usd) = cells.maybe_word(usd, codec::rate)? else { return Ok(None) };
    Ok(Some(Priced { usd, source: cells.text(source)?, at: cells.time(at)? }))
}

fn worth(cells: &Cells<'_>) -> Result<Option<Worth>, Fault> {
    let Some(currency) = cells.maybe_text("worth_currency")? else { return Ok(None) };
    let amount = cells.word("worth_amount", codec::decimal)?;
    let price = priced(cells, "worth_usd", "worth_source", "worth_at")?;
    let price = price.ok_or_else(|| cells.damaged("worth_usd"))?;
    Ok(Some(Worth { currency, amount, price }))
}

fn approval(cells: &Cells<'_>) -> Result<Option<Approval>, Fault> {
    let Some(until) = cells.maybe_time("approval_until")? else { return Ok(None) };
    let verdict = match cells.maybe_word("verdict", codec::verdict)? {
        Some(approve) => Some(Verdict {
            approve,
            key: cells.maybe_id("verdict_api_key")?,
            key_public: cells.text("verdict_key_public")?,
            ip: cells.text("verdict_ip")?,
            user_agent: cells.text("verdict_user_agent")?,
            at: cells.time("verdict_at")?,
        }),
        None => None,
    };
    Ok(Some(Approval { url: cells.maybe_text("approval_url")?, until, verdict }))
}

fn payout_state(cells: &Cells<'_>) -> Result<PayoutState, Fault> {
    let status = cells.word("status", Status::from_word)?;
    let batch = cells.maybe_id("batch")?;
    let stage = cells.maybe_word("stage", codec::stage)?;
    let txid = cells.maybe_str("txid")?.map(|it| TxId::new(&it));
    let state = match (status, batch, stage) {
        (Status::AwaitingApproval, None, None) => PayoutState::AwaitingApproval,
        (Status::Queued, None, None) => PayoutState::Queued,
        (Status::Queued | Status::Sending | Status::InBlock, Some(batch), Some(stage)) => {
            PayoutState::Sending { batch, stage, txid }
        }
        (Status::Paid, None, None) => {
            let txid = txid.ok_or_else(|| cells.damaged("txid"))?;
            PayoutState::Paid { txid, at: cells.time("paid_at")? }
        }
        (Status::Failed, None, None) => {
            let failure = cells.failure("failure_code", "failure_detail")?;
            PayoutState::Failed {
                failure: failure.ok_or_else(|| cells.damaged("failure_code"))?,
                txid,
            }
        }
        (Status::Cancelled, None, None) => PayoutState::Cancelled,
        _ => return Err(cells.damaged("stage")),
    };
    if state.status() == status { Ok(state) } else { Err(cells.damaged("status")) }
}

pub(crate) fn delivery(row: &dyn Record) -> Result<Delivery, Fault> {
    let cells = Cells::new(row, "deliveries");
    Ok(Delivery {
        id: DeliveryId { payout: cells.id("payout")?, number: cells.number("number")? },
        url: cells.text("url")?,
        status: cells.word("status", Status::from_word)?,
        txid: cells.maybe_str("txid")?.map(|it| TxId::new(&it)),
        occurred_at: cells.time("occurred_at")?,
        state: cells.word("state", codec::delivery)?,
        tries: cells.number("tries")?,
        due_at: cells.time("due_at")?,
        last_result: cells.text("last_result")?,
        body: cells.bytes("body")?,
        version: cells.number("version")?,
    })
}

pub(crate) fn event(row: &dyn Record) -> Result<Event, Fault> {
    let cells = Cells::new(row, "events");
    Ok(Event {
        payout: cells.id("payout")?,
        at: cells.time("at")?,
        kind: cells.word("kind", EventKind::from_word)?,
        detail: cells.text("detail")?,
    })
}

pub(crate) fn posting(row: &dyn Record) -> Result<Posting, Fault> {
    let cells = Cells::new(row, "postings");
    let cause = codec::cause(&cells.str("cause_kind")?, &cells.str("cause")?);
    Ok(Posting {
        at: cells.time("at")?,
        cause: cause.ok_or_else(|| cells.damaged("cause"))?,
        asset: cells.asset("asset")?,
        debit: cells.id("debit")?,
        credit: cells.id("credit")?,
        amount: cells.amount("amount")?,
    })
}
