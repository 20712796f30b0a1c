-- What reporting jobs read: views of SQL in a schema of their own, <desk>_reporting, over the tables of the builds that
-- readers see. A switch makes them anew by what stands here, not by the code of the release that happens to switch.
CREATE TABLE reporting_views (
    name       text COLLATE "C" PRIMARY KEY,
    -- Of the whole catalogue: a release with an older one leaves it as it is.
    version    integer NOT NULL,
    definition json    NOT NULL
);

COMMENT ON TABLE reporting_views IS 'The views of the schema <desk>_reporting (docs/reporting.md), with their queries.';
