-- Events that a view could not take, and those that wait behind them: by the key of the row that they change.
CREATE TABLE parked_events (
    view       text        NOT NULL,
    build      bigint      NOT NULL,
    -- The table or journal of the view, by its plain name; empty where it is all of them (an event nobody can decode).
    part       text COLLATE "C" NOT NULL,
    -- A JSON array: the row's key. A JSON string: a stream, where no key can be told.
    key        text COLLATE "C" NOT NULL,
    position   bigint      NOT NULL,
    -- Of the first event of a key, the one that failed; the others have none.
    error      text,
    traceback  text,
    attempts   integer     NOT NULL DEFAULT 0,
    parked_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Given up by an operator. The row stays, for who asks later why the view does not show the event.
    dropped_at timestamptz,
    PRIMARY KEY (view, build, part, key, position),
    FOREIGN KEY (view, build) REFERENCES projections (view, build) ON DELETE CASCADE
);

COMMENT ON TABLE parked_events IS 'Events that wait until the handler of a view has been mended: caselog parked list.';

-- Raised by whoever changes rows of a build beside its runner, which then forgets what it has in memory.
ALTER TABLE projections ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
