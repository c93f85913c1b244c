-- Transactions that spend certain coins of a wallet, which no other may spend meanwhile.

-- `spends` has the coins that a transaction spends, with blanks between them.
ALTER TABLE attempts ADD COLUMN spends TEXT NOT NULL DEFAULT '';
