-- A flow's instances, newest first: $1 flow, $2 id to begin below, $3 rows, $4 status,
-- $5 customer, $6 version, $7 journey time. Relative timers shift by the flow's pauses.
SELECT row_to_json(r), r.id::text FROM (
    SELECT i.id, i.flow_id, i.version, i.customer_id, i.status,
        (SELECT coalesce(json_agg(node_id ORDER BY seq), '[]') FROM (
            SELECT node_id, min(seq) AS seq FROM wait WHERE instance_id = i.id GROUP BY node_id
        ) live) AS current_nodes,
        i.context::jsonb || jsonb_build_object('accumulated', i.accumulated) AS context,
        to_char(i.entered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS entered_at,
        to_char(i.completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS completed_at,
        to_char(i.exited_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS exited_at,
        i.exit_reason, i.migrated_from_version,
        to_char(i.migrated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS migrated_at,
        (SELECT coalesce(json_agg(row_to_json(w)), '[]') FROM (
            SELECT node_id, node_type AS type, event_type,
                to_char(due AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS until,
                (SELECT greatest(0, ms) WHERE ms IS NOT NULL) AS remaining_ms
            FROM (
                SELECT *, due_at + CASE WHEN absolute THEN interval '0' ELSE make_interval(secs =>
                    (f.paused_ms / 1000.0
                        + coalesce(extract(epoch FROM $7::timestamptz - f.paused_at), 0))::float8
                    ) END AS due
                FROM wait WHERE instance_id = i.id
            ) effective, LATERAL (
                SELECT (extract(epoch FROM due - $7::timestamptz) * 1000)::bigint AS ms
            ) remaining
            ORDER BY seq
        ) w) AS waiting
    FROM instance i JOIN flow f ON f.id = i.flow_id
    WHERE i.flow_id = $1::uuid AND i.id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        AND ($4::text IS NULL OR i.status = $4::text)
        AND ($5::text IS NULL OR i.customer_id = $5::text)
        AND ($6::int4 IS NULL OR i.version = $6::int4)
    ORDER BY i.id DESC LIMIT $3::int4
) r;
