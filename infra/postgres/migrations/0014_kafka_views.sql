-- What brings a build forward: the log, or the records of the events topic, a partition at a time.
ALTER TABLE projections ADD COLUMN fed_by text NOT NULL DEFAULT 'log' CHECK (fed_by IN ('log', 'kafka'));

-- How far a build that Kafka feeds has come in each partition of the topic. It is written in the transaction that
-- writes the rows; nothing is kept in Kafka.
CREATE TABLE view_partitions (
    view        text        NOT NULL,
    build       bigint      NOT NULL,
    partition   integer     NOT NULL,
    -- The topic that the offsets are of, as the broker names it: one that is made anew has another.
    topic_id    text        NOT NULL,
    next_offset bigint      NOT NULL DEFAULT 0,
    position    bigint      NOT NULL DEFAULT 0,
    epoch       bigint      NOT NULL DEFAULT 0,
    skipped     bigint      NOT NULL DEFAULT 0,
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (view, build, partition),
    FOREIGN KEY (view, build) REFERENCES projections (view, build) ON DELETE CASCADE
) WITH (fillfactor = 10);

COMMENT ON COLUMN view_partitions.next_offset IS 'The offset of the first record whose effect is not in the rows.';
COMMENT ON COLUMN view_partitions.position IS 'The partition has no event up to here whose effect is not in the rows.';
COMMENT ON COLUMN view_partitions.epoch IS 'Raised by whoever changes the build beside its workers, which then look it up again.';
COMMENT ON COLUMN view_partitions.skipped IS 'Records passed over that no relay of this desk has written.';
COMMENT ON COLUMN projections.position IS 'The last event whose effect is in the rows; where Kafka feeds them, the lowest over the partitions.';
