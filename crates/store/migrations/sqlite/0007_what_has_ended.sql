-- What has ended is nearly all that there is, and only found by whose it is: indexes of what goes on
-- leave it out.

DROP INDEX payouts_by_status;
CREATE INDEX payouts_unpaid ON payouts (status, id) WHERE status <> 'paid';
CREATE INDEX payouts_never_paid ON payouts (merchant, status, id)
    WHERE status IN ('failed', 'cancelled');

DROP INDEX deliveries_by_state;
CREATE INDEX deliveries_due ON deliveries (due_at, payout, number) WHERE state = 'due';
