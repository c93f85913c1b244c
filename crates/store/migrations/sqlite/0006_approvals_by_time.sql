-- Approvals whose time is over are found in order without telling the database which index to use.

DROP INDEX payouts_awaiting_approval;
CREATE INDEX payouts_awaiting_approval ON payouts (status, approval_until, id)
    WHERE status = 'awaiting_approval';
