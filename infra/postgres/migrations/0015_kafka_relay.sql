-- How the relay stands, for those who ask; what it goes by is the checkpoint that it commits to Kafka with the events.

CREATE TABLE kafka_relay (
    only_row      boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    position      bigint      NOT NULL,
    begun_after   bigint      NOT NULL,
    state         text        NOT NULL CHECK (state IN ('publishing', 'retrying', 'halted')),
    last_error    text,
    last_error_at timestamptz,
    updated_at    timestamptz NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

COMMENT ON COLUMN kafka_relay.begun_after IS 'Events up to here were never published: the topic begins after them.';
COMMENT ON COLUMN kafka_relay.state IS
    'publishing; retrying: the last try failed, and the next one comes by itself; halted: somebody has to look at it.';
