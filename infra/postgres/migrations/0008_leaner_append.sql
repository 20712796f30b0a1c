-- The function of 0002, at less cost where nothing is in conflict, which is nearly always; and each guard is checked once a
-- group, however many of its jobs have it: the streams of the desk's settings are in nearly all.
CREATE OR REPLACE FUNCTION append_to_log(
    -- A row an event, jobs rising. "leads" marks the first event of each stream in its job. An event that has "raw" (base64)
    -- has neither data nor metadata; that column is null where no event has any.
    event_jobs      integer[],
    event_leads     boolean[],
    event_streams   json,
    event_versions  integer[],
    event_types     json,
    event_data      json,
    event_metadata  json,
    event_raw       json,
    -- [{jobs, stream_id, version}]: streams that must still be at that version, each once. An older release names one job.
    guards          json,
    -- [{job, kind, key, stream_id}]: claims given back, then claims taken.
    claims_released json,
    claims_taken    json,
    -- [{job, first, scope, key, fingerprint, answer, keep}]: answers kept for idempotency keys. "first" is where the job's
    -- first event comes in the group (where there is none, the one before), if no job is refused; an older release omits it.
    answers         json,
    -- [{job, application_name, notification_id}]: how far a follower has come.
    trackings       json,
    -- The head of the log before the group. Jobs without a conflict got the positions that follow, in their order.
    OUT head_before bigint,
    -- null or [[job, 'version' | 'guard' | 'claim' | 'idempotency' | 'tracking', kind or scope or null, key], ...]; a job can be
    -- there several times.
    OUT conflicts   jsonb
)
    LANGUAGE plpgsql
    SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    refused  integer[];
    instant  timestamptz;
    appended bigint;
BEGIN
    SELECT h.position INTO STRICT head_before FROM log_head h FOR UPDATE;
    -- From here on every statement sees all that was ever appended. The clock is read under the lock too, so that it
    -- rises with the position (as far as the machine's clock does).
    instant := clock_timestamp();

    -- Nearly always every stream is just where its append expects it, which one look at its last version tells.
    IF EXISTS (
        SELECT
        FROM ROWS FROM (
            unnest(event_leads), json_array_elements_text(event_streams), unnest(event_versions)
        ) AS e (leads, stream_id, version)
        WHERE e.leads
        AND (SELECT max(x.version) FROM events x WHERE x.stream_id = e.stream_id)
            IS DISTINCT FROM nullif(e.version - 1, 0)
    ) THEN
        SELECT jsonb_agg(jsonb_build_array(e.job, 'version', NULL, e.stream_id)), array_agg(e.job)
        INTO conflicts, refused
        FROM ROWS FROM (
            unnest(event_jobs), unnest(event_leads), json_array_elements_text(event_streams), unnest(event_versions)
        ) AS e (job, leads, stream_id, version)
        WHERE e.leads AND (
            (SELECT count(*) FROM events x WHERE x.stream_id = e.stream_id AND x.version = e.version) > 0
            -- A stream begins at 0 or 1 and has no gap.
            OR e.version > 1
            AND (SELECT count(*) FROM events x WHERE x.stream_id = e.stream_id AND x.version = e.version - 1) = 0
        );
    END IF;

    -- Separate, since most groups of a busy process have few of these and the statement above is all they need.
    IF coalesce(guards, claims_taken, answers, trackings) IS NOT NULL THEN
        SELECT
            nullif(
                coalesce(conflicts, '[]')
                || coalesce(jsonb_agg(jsonb_build_array(c.job, c.conflict, c.kind, c.key)), '[]'),
                '[]'
            ),
            refused || array_agg(c.job)
        INTO conflicts, refused
        FROM (
            SELECT unnest(coalesce(g.jobs, ARRAY[g.job])) AS job, 'guard' AS conflict, NULL AS kind, g.stream_id AS key
            FROM json_to_recordset(guards) AS g (jobs integer[], job integer, stream_id text, version integer)
            WHERE (SELECT count(*) FROM events x WHERE x.stream_id = g.stream_id AND x.version = g.version + 1) > 0
            UNION ALL
            SELECT c.job, 'claim', c.kind, c.key
            FROM json_to_recordset(claims_taken) AS c (job integer, kind text, key text, stream_id text)
            WHERE (
                SELECT count(*) FROM claims x
                WHERE x.kind = c.kind AND x.key = c.key AND x.stream_id <> c.stream_id
                AND NOT EXISTS (
                    SELECT FROM json_to_recordset(claims_released) AS r (job integer, kind text, key text, stream_id text)
                    WHERE r.job = c.job AND r.kind = x.kind AND r.key = x.key AND r.stream_id = x.stream_id
                )
            ) > 0
            UNION ALL
            SELECT a.job, 'idempotency', a.scope, a.key
            FROM json_to_recordset(answers) AS a (job integer, scope text, key text)
            WHERE (SELECT count(*) FROM idempotency x WHERE x.scope = a.scope AND x.key = a.key) > 0
            UNION ALL
            SELECT t.job, 'tracking', NULL, t.application_name
            FROM json_to_recordset(trackings) AS t (job integer, application_name text, notification_id bigint)
            WHERE (
                SELECT count(*) FROM tracking x
                WHERE x.application_name = t.application_name AND x.notification_id >= t.notification_id
            ) > 0
        ) c;
    END IF;

    IF refused IS NULL AND event_raw IS NULL THEN
        INSERT INTO events (position, stream_id, version, type, data, metadata, recorded_at)
        SELECT head_before + e.ordinal, e.stream_id, e.version, e.type, e.data, e.metadata, instant
        FROM ROWS FROM (
            json_array_elements_text(event_streams),
            unnest(event_versions),
            json_array_elements_text(event_types),
            json_array_elements(event_data),
            json_array_elements(event_metadata)
        ) WITH ORDINALITY AS e (stream_id, version, type, data, metadata, ordinal);
    ELSE
        INSERT INTO events (position, stream_id, version, type, data, raw, metadata, recorded_at)
        SELECT
            head_before + row_number() OVER (ORDER BY e.ordinal),
            e.stream_id,
            e.version,
            e.type,
            CASE WHEN e.raw IS NULL THEN e.data END,
            decode(e.raw, 'base64'),
            CASE WHEN e.raw IS NULL THEN e.metadata END,
            instant
        FROM ROWS FROM (
            unnest(event_jobs),
            json_array_elements_text(event_streams),
            unnest(event_versions),
            json_array_elements_text(event_types),
            json_array_elements(event_data),
            json_array_elements(event_metadata),
            json_array_elements_text(event_raw)
        ) WITH ORDINALITY AS e (job, stream_id, version, type, data, metadata, raw, ordinal)
        -- A row beyond the last job (a text that was two JSON values) stays in, and fails the statement.
        WHERE (e.job = ANY (refused)) IS NOT TRUE;
    END IF;
    GET DIAGNOSTICS appended = ROW_COUNT;

    IF claims_released IS NOT NULL THEN
        DELETE FROM claims x
        USING json_to_recordset(claims_released) AS r (job integer, kind text, key text, stream_id text)
        WHERE x.kind = r.kind AND x.key = r.key AND x.stream_id = r.stream_id
        AND (r.job = ANY (refused)) IS NOT TRUE;
    END IF;

    IF claims_taken IS NOT NULL THEN
        INSERT INTO claims (kind, key, stream_id)
        SELECT c.kind, c.key, c.stream_id
        FROM json_to_recordset(claims_taken) AS c (job integer, kind text, key text, stream_id text)
        WHERE (c.job = ANY (refused)) IS NOT TRUE
        AND (SELECT count(*) FROM claims x WHERE x.kind = c.kind AND x.key = c.key) = 0;
    END IF;

    IF answers IS NOT NULL THEN
        INSERT INTO idempotency (scope, key, fingerprint, answer, first_position, keep, recorded_at)
        SELECT
            a.scope,
            a.key,
            a.fingerprint,
            a.answer,
            head_before + CASE
                WHEN refused IS NULL AND a.first IS NOT NULL THEN a.first
                ELSE (a.job = ANY (event_jobs))::integer + (
                    SELECT count(*) FROM unnest(event_jobs) AS e (job)
                    WHERE e.job < a.job AND (e.job = ANY (refused)) IS NOT TRUE
                )
            END,
            a.keep,
            instant
        FROM json_to_recordset(answers)
            AS a (job integer, first integer, scope text, key text, fingerprint text, answer text, keep boolean)
        WHERE (a.job = ANY (refused)) IS NOT TRUE;
    END IF;

    IF trackings IS NOT NULL THEN
        INSERT INTO tracking AS x (application_name, notification_id)
        SELECT t.application_name, t.notification_id
        FROM json_to_recordset(trackings) AS t (job integer, application_name text, notification_id bigint)
        WHERE (t.job = ANY (refused)) IS NOT TRUE
        ON CONFLICT (application_name) DO UPDATE SET notification_id = EXCLUDED.notification_id;
    END IF;

    IF appended > 0 THEN
        UPDATE log_head SET position = head_before + appended;
        -- Once a group: every NOTIFY takes a lock on the whole database at commit. A channel name holds 63 bytes.
        PERFORM pg_notify('log_' || left(md5(current_schema()), 16), (head_before + appended)::text);
    END IF;
END
$$;
