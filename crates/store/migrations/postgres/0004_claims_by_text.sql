-- Names that were used are found in the order of what they say, and not of who used them: those that
-- begin with a moment or count upwards, as most do, then share pages whoever uses them, and each page
-- is written to the disk.

ALTER TABLE claims DROP CONSTRAINT claims_pkey, ADD PRIMARY KEY (scope, text, owner);
