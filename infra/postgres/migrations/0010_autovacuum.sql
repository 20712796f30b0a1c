-- How each table is kept in order: docs/adr/0017-vacuum.md has the figures.

-- Only ever added to. Vacuum has nothing to remove; it marks pages as visible to all, which lets reads of the log by position alone
-- skip the table, and freezes them, which has to be done once. In portions of 100,000 events that takes a moment each; by the
-- default, a fifth of the table, it would be millions at a time.
ALTER TABLE events SET (
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_freeze_min_age = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 100000
);
ALTER TABLE claims SET (
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_freeze_min_age = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 100000
);

-- As many are deleted as are added, a day later: the room of the deleted ones is wanted again soon.
ALTER TABLE idempotency SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- A row a view, changed with every batch: the former versions leave with the next change of the page, if there is room in it.
ALTER TABLE projections SET (
    fillfactor = 10,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000
);

-- Replaced every 500 events of a stream, a few kilobytes each.
ALTER TABLE state_snapshots SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
