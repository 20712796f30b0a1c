-- The log of one desk and what is written in the same transaction as its events.

CREATE TABLE events (
    position    bigint      NOT NULL,
    stream_id   text COLLATE "C"       NOT NULL,
    version     integer     NOT NULL,
    type        text        NOT NULL,
    -- Exactly one of the two: the exact text of an event of ours, or the bytes of any other mapper.
    data        json,
    raw         bytea,
    metadata    json,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (position),
    UNIQUE (stream_id, version),
    CHECK ((data IS NULL) <> (raw IS NULL))
);

COMMENT ON TABLE events IS 'The log. Only append_to_log() writes here; rows are never changed or deleted.';
COMMENT ON COLUMN events.position IS 'Order of commit, from 1, without gaps.';

-- Locked by every append, for one statement, so that positions become visible in their order.
-- Room is left in its page, so that its many updates need no new page and no index entry.
CREATE TABLE log_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint  NOT NULL
) WITH (fillfactor = 10);

INSERT INTO log_head (position) VALUES (0);

-- Keys that only one stream may hold.
CREATE TABLE claims (
    kind      text COLLATE "C" NOT NULL,
    key       text COLLATE "C" NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, key)
);

-- Answers to requests. In an answer, U+001F stands where a position goes.
CREATE TABLE idempotency (
    scope          text COLLATE "C" NOT NULL,
    key            text COLLATE "C" NOT NULL,
    fingerprint    text        NOT NULL,
    answer         text        NOT NULL,
    first_position bigint      NOT NULL,
    keep           boolean     NOT NULL,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_expiring ON idempotency (recorded_at) WHERE NOT keep;

-- How far a follower of another log has come (the library's tracking records).
CREATE TABLE tracking (
    application_name text COLLATE "C" PRIMARY KEY,
    notification_id  bigint NOT NULL
);

-- States of aggregates at some version, for applications that take snapshots.
CREATE TABLE snapshots (
    stream_id text COLLATE "C" NOT NULL,
    version   integer NOT NULL,
    type      text    NOT NULL,
    raw       bytea   NOT NULL,
    PRIMARY KEY (stream_id, version)
);

CREATE SEQUENCE case_number AS bigint;
