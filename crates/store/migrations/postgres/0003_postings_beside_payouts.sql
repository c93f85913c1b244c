-- What wallets bring each other is asked for, and found among all that is posted: of payouts nothing is
-- asked but what they sum up to, which is in the balances, and to find that by account would write to
-- four more places for each of them.

DROP INDEX postings_by_debit;
DROP INDEX postings_by_credit;
CREATE INDEX postings_beside_payouts ON postings (debit, credit, at) WHERE cause_kind <> 'payout';
