-- The desk's clock where a test sets it: one row at most, which only ever moves forward.
CREATE TABLE test_clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    now timestamptz NOT NULL
);
