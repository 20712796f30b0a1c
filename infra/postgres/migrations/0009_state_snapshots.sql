-- States of long streams, so that to load one need not fold all of its events. Each is the work of one version of the code,
-- by its fingerprint, and means nothing to another; lost, it costs time and nothing else.
CREATE TABLE state_snapshots (
    stream_id   text COLLATE "C" PRIMARY KEY,
    version     integer     NOT NULL,
    fingerprint text        NOT NULL,
    state       bytea       NOT NULL,
    taken_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
