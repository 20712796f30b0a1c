-- How far each view has come. A view has one build that readers see (live) and perhaps one that is being made beside
-- it; the tables of a build carry its number, and a view of SQL with the table's plain name shows those of the live one.
CREATE TABLE projections (
    view       text        NOT NULL,
    build      bigint      NOT NULL,
    version    integer     NOT NULL,
    position   bigint      NOT NULL DEFAULT 0,
    live       boolean     NOT NULL DEFAULT false,
    state      text        NOT NULL DEFAULT 'building' CHECK (state IN ('building', 'ready', 'live', 'stopped')),
    error      text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (view, build)
) WITH (fillfactor = 10);

CREATE UNIQUE INDEX projections_live ON projections (view) WHERE live;

COMMENT ON COLUMN projections.position IS 'The last event whose effect is in the rows; moved in the transaction that writes them.';

CREATE SEQUENCE projection_build AS bigint;
