-- Who works on what, where several processes could.

-- `holder` is the process that has it, and nobody if it was given back. `token` grows when it is
-- taken: what rests on an older one is refused. `version` grows with every sign of life.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT,
    token INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Approvals whose time is over are found in order without telling the database which index to use.
DROP INDEX payouts_awaiting_approval;
CREATE INDEX payouts_awaiting_approval ON payouts (status, approval_until, id)
    WHERE status = 'awaiting_approval';
