-- The state of a payout gateway, as `migrations/sqlite` makes it after all its migrations.
--
-- Amounts are whole smallest units as canonical decimal text, as they are in every other place; to
-- add them up, cast them: `sum(amount::numeric)` is exact. Moments are milliseconds since 1970, UTC.
-- Flags are 0 or 1. Records carry a version that grows by one with every commit. Text is compared
-- byte by byte. U+FFFF begins what PostgreSQL cannot hold: U+FFFF and `0` is the character 0, U+FFFF
-- twice is itself. What may never change or vanish is guarded by triggers.

-- The questions are the same for all databases; this is what they call `strpos`.
CREATE FUNCTION instr(text, text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT strpos($1, $2)';

CREATE DOMAIN units AS text COLLATE "C" CHECK (VALUE ~ '^(0|-?[1-9][0-9]*)$');

CREATE TABLE merchants (
    id text COLLATE "C" PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    webhook_url text COLLATE "C",
    paused bigint NOT NULL,
    created_at bigint NOT NULL,
    version bigint NOT NULL
);

-- `secret` is sealed with the operator's key.
CREATE TABLE api_keys (
    id text COLLATE "C" PRIMARY KEY,
    merchant text COLLATE "C" NOT NULL REFERENCES merchants (id),
    dialect text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    lookup text COLLATE "C" NOT NULL,
    secret bytea NOT NULL,
    lenient_nonce bigint NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint,
    version bigint NOT NULL
);
CREATE INDEX api_keys_by_lookup ON api_keys (dialect, lookup);
CREATE INDEX api_keys_by_merchant ON api_keys (merchant);

-- `next_sequence` is text because it may need 64 bits without a sign.
CREATE TABLE lanes (
    id text COLLATE "C" PRIMARY KEY,
    network text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    key_path text COLLATE "C" NOT NULL,
    next_sequence text COLLATE "C" NOT NULL,
    version bigint NOT NULL
);

-- `given_up_*` says why no payment will be made, `hold_*` why the batch waits. `chore` is what a lane
-- does for itself, if the batch pays nobody: `fill <number>`, `prepare <word>`, or `top_up <units>
-- <asset> <lane> <address> <memo in hex, or ->`. `takes` is what it takes from its lane in all,
-- `<units> <asset>` in each line.
CREATE TABLE batches (
    id text COLLATE "C" PRIMARY KEY,
    network text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL REFERENCES lanes (id),
    chore text COLLATE "C",
    given_up_code text COLLATE "C",
    given_up_detail text COLLATE "C",
    hold_reason text COLLATE "C",
    hold_detail text COLLATE "C",
    closed bigint NOT NULL,
    due_at bigint NOT NULL,
    replace_at bigint NOT NULL,
    created_at bigint NOT NULL,
    takes text COLLATE "C",
    version bigint NOT NULL
);
CREATE INDEX batches_open ON batches (lane, due_at, id) WHERE closed = 0;

-- `status` is what the payout looks like from outside. A queued payout whose `batch` is set has a
-- transaction in preparation; `batch` and `stage` are set only while a batch is on its way.
-- `content` is what was asked for, in canonical words; a repetition says the same. `usd_*` tells
-- where the price of the asset came from, `worth_*` which sum in another currency was asked for.
-- `conversions` has one line for each asset that is sold: cost, insurance, bought, asset, and (if
-- it is not exchanged one for one) price, source and moment. `travels_alone` is set when a
-- transaction that a payout shared with others did not pay it.
CREATE TABLE payouts (
    id text COLLATE "C" PRIMARY KEY,
    public_id text COLLATE "C" NOT NULL UNIQUE,
    merchant text COLLATE "C" NOT NULL REFERENCES merchants (id),
    dialect text COLLATE "C" NOT NULL,
    api_key text COLLATE "C" REFERENCES api_keys (id),
    merchant_ref text COLLATE "C",
    network text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    memo text COLLATE "C",
    asked units NOT NULL,
    bearer text COLLATE "C" NOT NULL,
    amount units NOT NULL,
    service_fee units NOT NULL,
    network_fee units NOT NULL,
    usd_rate text COLLATE "C",
    usd_source text COLLATE "C",
    usd_at bigint,
    worth_currency text COLLATE "C",
    worth_amount text COLLATE "C",
    worth_usd text COLLATE "C",
    worth_source text COLLATE "C",
    worth_at bigint,
    conversions text COLLATE "C" NOT NULL,
    priority text COLLATE "C" NOT NULL,
    content text COLLATE "C" NOT NULL,
    travels_alone bigint NOT NULL,
    approval_url text COLLATE "C",
    approval_until bigint,
    verdict text COLLATE "C",
    verdict_api_key text COLLATE "C" REFERENCES api_keys (id),
    verdict_key_public text COLLATE "C",
    verdict_ip text COLLATE "C",
    verdict_user_agent text COLLATE "C",
    verdict_at bigint,
    webhook_url text COLLATE "C",
    webhook_on text COLLATE "C",
    note text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    batch text COLLATE "C" REFERENCES batches (id),
    stage text COLLATE "C",
    txid text COLLATE "C",
    failure_code text COLLATE "C",
    failure_detail text COLLATE "C",
    paid_at bigint,
    delivery_count bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL
);
CREATE UNIQUE INDEX payouts_by_merchant_ref ON payouts (merchant, merchant_ref)
    WHERE merchant_ref IS NOT NULL;
CREATE INDEX payouts_by_merchant ON payouts (merchant, id);
CREATE INDEX payouts_by_status ON payouts (status, id);
CREATE INDEX payouts_waiting ON payouts (network, created_at, id)
    WHERE status = 'queued' AND batch IS NULL;
CREATE INDEX payouts_awaiting_approval ON payouts (approval_until, id)
    WHERE status = 'awaiting_approval';
CREATE INDEX payouts_by_txid ON payouts (txid) WHERE txid IS NOT NULL;

-- A payout may travel in a second batch, but only once the first has ended.
CREATE TABLE batch_payouts (
    batch text COLLATE "C" NOT NULL REFERENCES batches (id),
    position bigint NOT NULL,
    payout text COLLATE "C" NOT NULL REFERENCES payouts (id),
    PRIMARY KEY (batch, position),
    UNIQUE (payout, batch)
);

-- Every transaction ever signed, with the bytes that were or may have been broadcast. `unpaid` has
-- the positions of the payouts that a final transaction left out, with commas; `spends` the coins
-- that it spends, with blanks between them.
CREATE TABLE attempts (
    batch text COLLATE "C" NOT NULL REFERENCES batches (id),
    number bigint NOT NULL,
    txid text COLLATE "C" NOT NULL,
    raw bytea NOT NULL,
    sequence text COLLATE "C",
    fee_max units NOT NULL,
    status text COLLATE "C" NOT NULL,
    signed_at bigint NOT NULL,
    fee units,
    unpaid text COLLATE "C" NOT NULL,
    spends text COLLATE "C" NOT NULL,
    PRIMARY KEY (batch, number)
);
CREATE INDEX attempts_by_txid ON attempts (txid);

CREATE TABLE deliveries (
    payout text COLLATE "C" NOT NULL REFERENCES payouts (id),
    number bigint NOT NULL,
    url text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    txid text COLLATE "C",
    occurred_at bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    tries bigint NOT NULL,
    due_at bigint NOT NULL,
    last_result text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (payout, number)
);
CREATE INDEX deliveries_by_state ON deliveries (state, due_at, payout, number);

-- Names that were used: once, ever.
CREATE TABLE claims (
    scope text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL,
    payout text COLLATE "C" REFERENCES payouts (id),
    PRIMARY KEY (scope, owner, text)
);

-- One line for each account and asset that money ever touched; `units` is what was credited less
-- what was debited, the sum of its postings. Balances change all the time: room is left on each page
-- so that a new version of a line finds place beside the old one.
CREATE TABLE balances (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    units units NOT NULL,
    UNIQUE (account, asset)
) WITH (fillfactor = 50);

-- `debit` and `credit` are lines of `balances`; the view `ledger` spells them out.
CREATE TABLE postings (
    seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    cause_kind text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    debit bigint NOT NULL REFERENCES balances (id),
    credit bigint NOT NULL REFERENCES balances (id),
    amount units NOT NULL
);
CREATE INDEX postings_by_debit ON postings (debit, seq);
CREATE INDEX postings_by_credit ON postings (credit, seq);

CREATE VIEW ledger AS
SELECT
    postings.seq,
    to_char(to_timestamp(postings.at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS at_utc,
    postings.cause_kind,
    postings.cause,
    debited.asset,
    debited.account AS debit,
    credited.account AS credit,
    postings.amount::numeric AS amount
FROM postings
JOIN balances AS debited ON debited.id = postings.debit
JOIN balances AS credited ON credited.id = postings.credit;

-- What happened, for people.
CREATE TABLE events (
    seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    payout text COLLATE "C" NOT NULL REFERENCES payouts (id),
    at bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    detail text COLLATE "C" NOT NULL
);
CREATE INDEX events_by_payout ON events (payout, seq);

-- Who works on what, where several processes could. `holder` is the process that has it, and nobody if
-- it was given back. `token` grows when it is taken: what rests on an older one is refused. `version`
-- grows with every sign of life.
CREATE TABLE leases (
    name text COLLATE "C" PRIMARY KEY,
    holder text COLLATE "C",
    token bigint NOT NULL,
    version bigint NOT NULL
) WITH (fillfactor = 50);

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$;

-- The payout is locked first: of two that put it into a batch at the same time, the second sees what
-- the first did.
CREATE FUNCTION one_open_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM payouts WHERE id = NEW.payout FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT 1 FROM batch_payouts AS others JOIN batches ON batches.id = others.batch
        WHERE others.payout = NEW.payout AND batches.closed = 0
    ) THEN
        RAISE EXCEPTION 'a payout is in one open batch at most'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER postings_kept BEFORE UPDATE OR DELETE ON postings
FOR EACH ROW EXECUTE FUNCTION refuse('postings are append-only');
CREATE TRIGGER events_kept BEFORE UPDATE OR DELETE ON events
FOR EACH ROW EXECUTE FUNCTION refuse('events are append-only');
CREATE TRIGGER claims_kept BEFORE UPDATE OR DELETE ON claims
FOR EACH ROW EXECUTE FUNCTION refuse('claims are append-only');
CREATE TRIGGER batch_payouts_kept BEFORE UPDATE OR DELETE ON batch_payouts
FOR EACH ROW EXECUTE FUNCTION refuse('batches keep their payouts');
CREATE TRIGGER batch_payouts_one_at_a_time BEFORE INSERT ON batch_payouts
FOR EACH ROW EXECUTE FUNCTION one_open_batch();
CREATE TRIGGER attempts_kept
BEFORE UPDATE OF batch, number, txid, raw, sequence, fee_max, signed_at, spends ON attempts
FOR EACH ROW EXECUTE FUNCTION refuse('signed transactions are kept as they are');
CREATE TRIGGER attempts_not_deleted BEFORE DELETE ON attempts
FOR EACH ROW EXECUTE FUNCTION refuse('signed transactions are kept');
CREATE TRIGGER payouts_not_deleted BEFORE DELETE ON payouts
FOR EACH ROW EXECUTE FUNCTION refuse('payouts are kept');
CREATE TRIGGER balances_not_relabelled BEFORE UPDATE OF id, account, asset ON balances
FOR EACH ROW EXECUTE FUNCTION refuse('accounts keep their names');
CREATE TRIGGER balances_not_deleted BEFORE DELETE ON balances
FOR EACH ROW EXECUTE FUNCTION refuse('accounts are kept');

-- Nobody empties a table either.
CREATE TRIGGER postings_not_emptied BEFORE TRUNCATE ON postings
FOR EACH STATEMENT EXECUTE FUNCTION refuse('postings are append-only');
CREATE TRIGGER events_not_emptied BEFORE TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse('events are append-only');
CREATE TRIGGER claims_not_emptied BEFORE TRUNCATE ON claims
FOR EACH STATEMENT EXECUTE FUNCTION refuse('claims are append-only');
CREATE TRIGGER batch_payouts_not_emptied BEFORE TRUNCATE ON batch_payouts
FOR EACH STATEMENT EXECUTE FUNCTION refuse('batches keep their payouts');
CREATE TRIGGER attempts_not_emptied BEFORE TRUNCATE ON attempts
FOR EACH STATEMENT EXECUTE FUNCTION refuse('signed transactions are kept');
CREATE TRIGGER payouts_not_emptied BEFORE TRUNCATE ON payouts
FOR EACH STATEMENT EXECUTE FUNCTION refuse('payouts are kept');
CREATE TRIGGER balances_not_emptied BEFORE TRUNCATE ON balances
FOR EACH STATEMENT EXECUTE FUNCTION refuse('accounts are kept');
