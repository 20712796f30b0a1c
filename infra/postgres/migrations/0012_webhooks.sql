-- Webhooks: what signs for them, how far each has been sent to, and which deliveries were not made at the first attempt.

-- The secrets of all webhooks are derived from this key (docs/adr/0086-webhook-secrets.md). Nothing else of them is kept.
CREATE TABLE webhook_key (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    key        bytea       NOT NULL CHECK (octet_length(key) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row a webhook, changed with every delivery.
CREATE TABLE webhook_cursors (
    webhook_id      text COLLATE "C" PRIMARY KEY,
    position        bigint      NOT NULL,
    told            bigint      NOT NULL,
    delivered       bigint      NOT NULL DEFAULT 0,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_failure    text,
    failing_since   timestamptz
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

COMMENT ON COLUMN webhook_cursors.position IS
    'Every event up to here that the webhook wants was delivered, or stands in webhook_deliveries.';
COMMENT ON COLUMN webhook_cursors.told IS
    'Position of the last event of the webhook''s own stream that has had its effect here.';
COMMENT ON COLUMN webhook_cursors.failing_since IS 'When the first attempt failed after the last one that did not.';

CREATE TABLE webhook_deliveries (
    webhook_id      text COLLATE "C" NOT NULL,
    position        bigint           NOT NULL,
    stream_id       text COLLATE "C" NOT NULL,
    attempts        integer          NOT NULL,
    next_attempt_at timestamptz      NOT NULL,
    last_error      text,
    parked_at       timestamptz,
    PRIMARY KEY (webhook_id, position)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

COMMENT ON TABLE webhook_deliveries IS
    'Deliveries that failed, and those of the same stream that wait behind them. Parked ones are not tried by themselves.';

-- Which one is next: the first of each stream that is not parked.
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, stream_id, position) WHERE parked_at IS NULL;
