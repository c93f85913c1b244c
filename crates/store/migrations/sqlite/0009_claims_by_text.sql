-- Names that were used are kept in the order of what they say, and not of who used them: those that
-- begin with a moment or count upwards, as most do, then share pages whoever uses them, and each page
-- is written to the disk.

CREATE TABLE claims_by_text (
    scope TEXT NOT NULL,
    owner TEXT NOT NULL,
    text TEXT NOT NULL,
    payout TEXT REFERENCES payouts (id),
    PRIMARY KEY (scope, text, owner)
) STRICT, WITHOUT ROWID;
INSERT INTO claims_by_text SELECT scope, owner, text, payout FROM claims ORDER BY scope, text, owner;
DROP TABLE claims;
ALTER TABLE claims_by_text RENAME TO claims;
CREATE TRIGGER claims_no_update BEFORE UPDATE ON claims
BEGIN SELECT RAISE(ABORT, 'claims are append-only'); END;
CREATE TRIGGER claims_no_delete BEFORE DELETE ON claims
BEGIN SELECT RAISE(ABORT, 'claims are append-only'); END;
