-- Imports of event logs: how far each has come. Until one has ended, the timekeeper leaves the streams alone whose
-- events name it, for the import runs what falls due between its rows itself.
CREATE TABLE imports (
    name           text COLLATE "C" PRIMARY KEY,
    -- SHA-256 of the mapping, which must not change under its name and version, and of the file last taken.
    mapping_digest text        NOT NULL,
    file_digest    text        NOT NULL,
    -- After a kill -9 it stays running, though no session holds the import's lock.
    state          text        NOT NULL CHECK (state IN ('running', 'interrupted', 'ended')),
    rows_done      bigint      NOT NULL DEFAULT 0,
    last_line      bigint,
    started_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at       timestamptz
) WITH (fillfactor = 50);

-- Rows that a rule of the desk refused. They are not tried again: by then the case has moved on.
CREATE TABLE import_refusals (
    import_name text COLLATE "C" NOT NULL,
    line        bigint           NOT NULL,
    row_digest  text             NOT NULL,
    reason      text             NOT NULL,
    PRIMARY KEY (import_name, line)
);
