-- Payouts that are priced in other currencies, paid from other assets, and approved by somebody.

-- `content` is what was asked for, in canonical words; a repetition says the same. `usd_*` tells
-- where the price of the asset came from, `worth_*` which sum in another currency was asked for.
-- `conversions` has one line for each asset that is sold: cost, insurance, bought, asset, and (if
-- it is not exchanged one for one) price, source and moment.
ALTER TABLE payouts ADD COLUMN content TEXT NOT NULL DEFAULT '';
ALTER TABLE payouts ADD COLUMN priority TEXT NOT NULL DEFAULT 'recommended';
ALTER TABLE payouts ADD COLUMN usd_source TEXT;
ALTER TABLE payouts ADD COLUMN usd_at INTEGER;
ALTER TABLE payouts ADD COLUMN worth_currency TEXT;
ALTER TABLE payouts ADD COLUMN worth_amount TEXT;
ALTER TABLE payouts ADD COLUMN worth_usd TEXT;
ALTER TABLE payouts ADD COLUMN worth_source TEXT;
ALTER TABLE payouts ADD COLUMN worth_at INTEGER;
ALTER TABLE payouts ADD COLUMN conversions TEXT NOT NULL DEFAULT '';

-- An approval that a payout waits or waited for, and what was answered.
ALTER TABLE payouts ADD COLUMN approval_url TEXT;
ALTER TABLE payouts ADD COLUMN approval_until INTEGER;
ALTER TABLE payouts ADD COLUMN verdict TEXT;
ALTER TABLE payouts ADD COLUMN verdict_api_key TEXT REFERENCES api_keys (id);
ALTER TABLE payouts ADD COLUMN verdict_key_public TEXT;
ALTER TABLE payouts ADD COLUMN verdict_ip TEXT;
ALTER TABLE payouts ADD COLUMN verdict_user_agent TEXT;
ALTER TABLE payouts ADD COLUMN verdict_at INTEGER;

CREATE INDEX payouts_awaiting_approval ON payouts (approval_until, id)
    WHERE status = 'awaiting_approval';
CREATE INDEX payouts_by_txid ON payouts (txid) WHERE txid IS NOT NULL;

UPDATE payouts SET content =
    'exact ' || asked || ' ' || asset || ' fees ' || bearer || ' from unsaid to ' || address
    || coalesce(' memo ' || memo, '');
UPDATE payouts SET usd_source = 'fixed', usd_at = created_at WHERE usd_rate IS NOT NULL;
