-- Signed transactions are found by what the network calls them.

CREATE INDEX attempts_by_txid ON attempts (txid);
