-- The state of a payout gateway.
--
-- Amounts are whole smallest units as canonical decimal text: SQLite's own numbers cannot hold
-- them, and its SUM would round them. Moments are milliseconds since 1970, UTC. Records carry a
-- version that grows by one with every commit. What may never change or vanish is guarded by
-- triggers.

CREATE TABLE merchants (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    webhook_url TEXT,
    paused INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `secret` is sealed with the operator's key.
CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    merchant TEXT NOT NULL REFERENCES merchants (id),
    dialect TEXT NOT NULL,
    role TEXT NOT NULL,
    lookup TEXT NOT NULL,
    secret BLOB NOT NULL,
    lenient_nonce INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX api_keys_by_lookup ON api_keys (dialect, lookup);
CREATE INDEX api_keys_by_merchant ON api_keys (merchant);

-- `next_sequence` is text because it may need all 64 bits.
CREATE TABLE lanes (
    id TEXT NOT NULL PRIMARY KEY,
    network TEXT NOT NULL,
    address TEXT NOT NULL,
    key_path TEXT NOT NULL,
    next_sequence TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `given_up_*` says why no payment will be made, `hold_*` why the batch waits.
CREATE TABLE batches (
    id TEXT NOT NULL PRIMARY KEY,
    network TEXT NOT NULL,
    lane TEXT NOT NULL REFERENCES lanes (id),
    given_up_code TEXT,
    given_up_detail TEXT,
    hold_reason TEXT,
    hold_detail TEXT,
    closed INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    replace_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX batches_open ON batches (lane, due_at, id) WHERE closed = 0;

-- `status` is what the payout looks like from outside. A queued payout whose `batch` is set has a
-- transaction in preparation; `batch` and `stage` are set only while a batch is on its way.
CREATE TABLE payouts (
    id TEXT NOT NULL PRIMARY KEY,
    public_id TEXT NOT NULL UNIQUE,
    merchant TEXT NOT NULL REFERENCES merchants (id),
    dialect TEXT NOT NULL,
    api_key TEXT REFERENCES api_keys (id),
    merchant_ref TEXT,
    network TEXT NOT NULL,
    asset TEXT NOT NULL,
    address TEXT NOT NULL,
    memo TEXT,
    asked TEXT NOT NULL,
    bearer TEXT NOT NULL,
    amount TEXT NOT NULL,
    service_fee TEXT NOT NULL,
    network_fee TEXT NOT NULL,
    usd_rate TEXT,
    webhook_url TEXT,
    webhook_on TEXT,
    note TEXT NOT NULL,
    status TEXT NOT NULL,
    batch TEXT REFERENCES batches (id),
    stage TEXT,
    txid TEXT,
    failure_code TEXT,
    failure_detail TEXT,
    paid_at INTEGER,
    delivery_count INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX payouts_by_merchant_ref ON payouts (merchant, merchant_ref)
    WHERE merchant_ref IS NOT NULL;
CREATE INDEX payouts_by_merchant ON payouts (merchant, id);
CREATE INDEX payouts_by_status ON payouts (status, id);
CREATE INDEX payouts_waiting ON payouts (network, created_at, id)
    WHERE status = 'queued' AND batch IS NULL;

-- A payout is in one batch at most, ever: after a transaction may exist it is never queued again.
CREATE TABLE batch_payouts (
    batch TEXT NOT NULL REFERENCES batches (id),
    position INTEGER NOT NULL,
    payout TEXT NOT NULL UNIQUE REFERENCES payouts (id),
    PRIMARY KEY (batch, position)
) STRICT, WITHOUT ROWID;

-- Every transaction ever signed, with the bytes that were or may have been broadcast.
CREATE TABLE attempts (
    batch TEXT NOT NULL REFERENCES batches (id),
    number INTEGER NOT NULL,
    txid TEXT NOT NULL,
    raw BLOB NOT NULL,
    sequence TEXT,
    fee_max TEXT NOT NULL,
    status TEXT NOT NULL,
    signed_at INTEGER NOT NULL,
    fee TEXT,
    PRIMARY KEY (batch, number)
) STRICT;

CREATE TABLE deliveries (
    payout TEXT NOT NULL REFERENCES payouts (id),
    number INTEGER NOT NULL,
    url TEXT NOT NULL,
    status TEXT NOT NULL,
    txid TEXT,
    occurred_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    last_result TEXT NOT NULL,
    body BLOB NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (payout, number)
) STRICT;
CREATE INDEX deliveries_by_state ON deliveries (state, due_at, payout, number);

-- Names that were used: once, ever.
CREATE TABLE claims (
    scope TEXT NOT NULL,
    owner TEXT NOT NULL,
    text TEXT NOT NULL,
    payout TEXT REFERENCES payouts (id),
    PRIMARY KEY (scope, owner, text)
) STRICT, WITHOUT ROWID;

-- One line for each account and asset that money ever touched; `units` is what was credited less
-- what was debited, the sum of its postings.
CREATE TABLE balances (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    units TEXT NOT NULL,
    UNIQUE (account, asset)
) STRICT;

-- `debit` and `credit` are lines of `balances`; the view `ledger` spells them out.
CREATE TABLE postings (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    cause_kind TEXT NOT NULL,
    cause TEXT NOT NULL,
    debit INTEGER NOT NULL REFERENCES balances (id),
    credit INTEGER NOT NULL REFERENCES balances (id),
    amount TEXT NOT NULL
) STRICT;
CREATE INDEX postings_by_debit ON postings (debit);
CREATE INDEX postings_by_credit ON postings (credit);

CREATE VIEW ledger AS
SELECT
    postings.seq,
    strftime('%Y-%m-%d %H:%M:%S', postings.at / 1000, 'unixepoch') AS at_utc,
    postings.cause_kind,
    postings.cause,
    debited.asset,
    debited.account AS debit,
    credited.account AS credit,
    postings.amount
FROM postings
JOIN balances AS debited ON debited.id = postings.debit
JOIN balances AS credited ON credited.id = postings.credit;

-- What happened, for people.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    payout TEXT NOT NULL REFERENCES payouts (id),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_payout ON events (payout);

CREATE TRIGGER postings_no_update BEFORE UPDATE ON postings
BEGIN SELECT RAISE(ABORT, 'postings are append-only'); END;
CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings
BEGIN SELECT RAISE(ABORT, 'postings are append-only'); END;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER claims_no_update BEFORE UPDATE ON claims
BEGIN SELECT RAISE(ABORT, 'claims are append-only'); END;
CREATE TRIGGER claims_no_delete BEFORE DELETE ON claims
BEGIN SELECT RAISE(ABORT, 'claims are append-only'); END;
CREATE TRIGGER batch_payouts_no_update BEFORE UPDATE ON batch_payouts
BEGIN SELECT RAISE(ABORT, 'batches keep their payouts'); END;
CREATE TRIGGER batch_payouts_no_delete BEFORE DELETE ON batch_payouts
BEGIN SELECT RAISE(ABORT, 'batches keep their payouts'); END;
CREATE TRIGGER attempts_no_update
BEFORE UPDATE OF batch, number, txid, raw, sequence, fee_max, signed_at ON attempts
BEGIN SELECT RAISE(ABORT, 'signed transactions are kept as they are'); END;
CREATE TRIGGER attempts_no_delete BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'signed transactions are kept'); END;
CREATE TRIGGER payouts_no_delete BEFORE DELETE ON payouts
BEGIN SELECT RAISE(ABORT, 'payouts are kept'); END;
CREATE TRIGGER balances_no_relabel BEFORE UPDATE OF id, account, asset ON balances
BEGIN SELECT RAISE(ABORT, 'accounts keep their names'); END;
CREATE TRIGGER balances_no_delete BEFORE DELETE ON balances
BEGIN SELECT RAISE(ABORT, 'accounts are kept'); END;
