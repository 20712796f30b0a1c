-- Views that readers saw as Kafka fed them until somebody brought them back to the log: no worker takes one of them
-- again by itself, however often it is started.

CREATE TABLE brought_back (
    view text        PRIMARY KEY,
    at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
