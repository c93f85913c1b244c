//! The tables and their columns, said once: the statements that write rows, and the copy from one
//! database to another, are made of this.

/// A table.
pub(crate) struct Shape {
    /// What it is called.
    pub(crate) name: &'static str,
    /// The columns that a row is known by.
    pub(crate) key: &'static [&'static str],
    /// The other columns that a row is inserted with. The last column of a record is its version.
    pub(crate) others: &'static [&'static str],
    /// The columns that are written later.
    pub(crate) later: &'static [&'static str],
    /// Whether the key is a number that the database gives, if none is named.
    pub(crate) is_numbered: bool,
}

impl Shape {
    const fn new(
        name: &'static str,
        key: &'static [&'static str],
        others: &'static [&'static str],
    ) -> Self {
        Self { name, key, others, later: &[], is_numbered: false }
    }

    const fn numbered(self) -> Self {
        Self { is_numbered: true, ..self }
    }

    const fn with_later(self, later: &'static [&'static str]) -> Self {
        Self { later, ..self }
    }

    /// The columns that a row is inserted with.
    pub(crate) fn inserted(&self) -> Vec<&'static str> {
        let key = if self.is_numbered { &[] } else { self.key };
        [key, self.others].concat()
    }

    /// All columns, the key first.
    pub(crate) fn columns(&self) -> Vec<&'static str> {
        [self.key, self.others, self.later].concat()
    }
}

/// Every table of a gateway's state, what is pointed at before what points at it. What is not in it:
/// who works on what at this moment ([`LEASES`]), and which migrations were applied.
pub(crate) static STATE: [&Shape; 12] = [
    &MERCHANTS,
    &API_KEYS,
    &LANES,
    &BATCHES,
    &PAYOUTS,
    &BATCH_PAYOUTS,
    &ATTEMPTS,
    &DELIVERIES,
    &CLAIMS,
    &BALANCES,
    &POSTINGS,
    &EVENTS,
];

pub(crate) static MERCHANTS: Shape =
    Shape::new("merchants", &["id"], &["name", "webhook_url", "paused", "created_at", "version"]);

pub(crate) static API_KEYS: Shape = Shape::new(
    "api_keys",
    &["id"],
    &[
        "merchant",
        "dialect",
        "role",
        "lookup",
        "secret",
        "lenient_nonce",
        "created_at",
        "revoked_at",
        "version",
    ],
);

pub(crate) static LANES: Shape =
    Shape::new("lanes", &["id"], &["network", "address", "key_path", "next_sequence", "version"]);

pub(crate) static LEASES: Shape = Shape::new("leases", &["name"], &["holder", "token", "version"]);

pub(crate) static BATCHES: Shape = Shape::new(
    "batches",
    &["id"],
    &[
        "network",
        "lane",
        "chore",
        "given_up_code",
        "given_up_detail",
        "hold_reason",
        "hold_detail",
        "closed",
        "due_at",
        "replace_at",
        "created_at",
        "version",
    ],
)
.with_later(&["takes"]);

pub(crate) static PAYOUTS: Shape = Shape::new(
    "payouts",
    &["id"],
    &[
        "public_id",
        "merchant",
        "dialect",
        "api_key",
        "merchant_ref",
        "network",
        "asset",
        "address",
        "memo",
        "asked",
        "bearer",
        "amount",
        "service_fee",
        "network_fee",
        "usd_rate",
        "usd_source",
        "usd_at",
        "worth_currency",
        "worth_amount",
        "worth_usd",
        "worth_source",
        "worth_at",
        "conversions",
        "priority",
        "content",
        "travels_alone",
        "approval_url",
        "approval_until",
        "verdict",
        "verdict_api_key",
        "verdict_key_public",
        "verdict_ip",
        "verdict_user_agent",
        "verdict_at",
        "webhook_url",
        "webhook_on",
        "note",
        "status",
        "batch",
        "stage",
        "txid",
        "failure_code",
        "failure_detail",
        "paid_at",
        "delivery_count",
        "created_at",
        "updated_at",
        "version",
    ],
);

pub(crate) static BATCH_PAYOUTS: Shape =
    Shape::new("batch_payouts", &["batch", "position"], &["payout"]);

pub(crate) static ATTEMPTS: Shape = Shape::new(
    "attempts",
    &["batch", "number"],
    &["txid", "raw", "sequence", "fee_max", "status", "signed_at", "fee", "unpaid", "spends"],
);

pub(crate) static DELIVERIES: Shape = Shape::new(
    "deliveries",
    &["payout", "number"],
    &[
        "url",
        "status",
        "txid",
        "occurred_at",
        "state",
        "tries",
        "due_at",
        "last_result",
        "body",
        "version",
    ],
);

pub(crate) static CLAIMS: Shape = Shape::new("claims", &["scope", "text", "owner"], &["payout"]);

pub(crate) static BALANCES: Shape =
    Shape::new("balances", &["id"], &["account", "asset", "units"]).numbered();

pub(crate) static POSTINGS: Shape =
    Shape::new("postings", &["seq"], &["at", "cause_kind", "cause", "debit", "credit", "amount"])
        .numbered();

pub(crate) static EVENTS: Shape =
    Shape::new("events", &["seq"], &["payout", "at", "kind", "detail"]).numbered();
