-- How much of a minute's requests each caller has been granted. Worth no wait for the disk: a crash forgives a minute.
CREATE UNLOGGED TABLE rate_limits (
    caller     text COLLATE "C" PRIMARY KEY,
    minute     bigint  NOT NULL,
    used       integer NOT NULL,
    granted    integer NOT NULL
) WITH (fillfactor = 50);

COMMENT ON COLUMN rate_limits.minute IS 'The minute since 1970 that used counts in.';
COMMENT ON COLUMN rate_limits.granted IS 'What the last process that asked was given.';
