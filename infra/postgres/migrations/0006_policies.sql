-- Events whose consequences could not be carried out: they are tried again, beside what later events lead to.
-- How far the policies have come is a row of `projections`, as for a view; they have no tables.
CREATE TABLE parked_reactions (
    position  bigint      PRIMARY KEY,
    error     text        NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON COLUMN parked_reactions.position IS 'The event in the log.';
