-- Transactions that carry several payouts, and those that a lane makes for itself.

-- A payout may travel in a second batch, but only once the first has ended.
CREATE TABLE batch_payouts_of_all (
    batch TEXT NOT NULL REFERENCES batches (id),
    position INTEGER NOT NULL,
    payout TEXT NOT NULL REFERENCES payouts (id),
    PRIMARY KEY (batch, position),
    UNIQUE (payout, batch)
) STRICT, WITHOUT ROWID;
INSERT INTO batch_payouts_of_all SELECT batch, position, payout FROM batch_payouts;
DROP TRIGGER batch_payouts_no_update;
DROP TRIGGER batch_payouts_no_delete;
DROP TABLE batch_payouts;
ALTER TABLE batch_payouts_of_all RENAME TO batch_payouts;
CREATE TRIGGER batch_payouts_no_update BEFORE UPDATE ON batch_payouts
BEGIN SELECT RAISE(ABORT, 'batches keep their payouts'); END;
CREATE TRIGGER batch_payouts_no_delete BEFORE DELETE ON batch_payouts
BEGIN SELECT RAISE(ABORT, 'batches keep their payouts'); END;
CREATE TRIGGER batch_payouts_one_at_a_time BEFORE INSERT ON batch_payouts
WHEN EXISTS (
    SELECT 1 FROM batch_payouts AS others JOIN batches ON batches.id = others.batch
    WHERE others.payout = NEW.payout AND batches.closed = 0
)
BEGIN SELECT RAISE(ABORT, 'a payout is in one open batch at most'); END;

-- `travels_alone` is set when a transaction that a payout shared with others did not pay it.
ALTER TABLE payouts ADD COLUMN travels_alone INTEGER NOT NULL DEFAULT 0;

-- `unpaid` has the positions of the payouts that a final transaction left out, with commas.
ALTER TABLE attempts ADD COLUMN unpaid TEXT NOT NULL DEFAULT '';

-- What a lane does for itself, if the batch pays nobody: `fill <number>`, `prepare <word>`, or
-- `top_up <units> <asset> <lane> <address> <memo in hex, or ->`.
ALTER TABLE batches ADD COLUMN chore TEXT;

-- What a batch takes from its lane in all, `<units> <asset>` in each line, so that a batch can be
-- weighed against all others without reading their payouts. Batches from before have none.
ALTER TABLE batches ADD COLUMN takes TEXT;
