-- One instance and its steps by time: $1 id, $2 journey time. Relative timers shift by the flow's
-- pauses.
SELECT row_to_json(r), (
    SELECT coalesce(json_agg(row_to_json(s) ORDER BY s.id), '[]') FROM (
        SELECT id, instance_id, node_id, node_type, version, status, branch,
            output, error, trigger,
            to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS started_at,
            to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                AS completed_at
        FROM step WHERE instance_id = r.id
    ) s
) FROM (
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
                        + coalesce(extract(epoch FROM $2::timestamptz - f.paused_at), 0))::float8
                    ) END AS due
                FROM wait WHERE instance_id = i.id
            ) effective, LATERAL (
                SELECT (extract(epoch FROM due - $2::timestamptz) * 1000)::bigint AS ms
            ) remaining
            ORDER BY seq
        ) w) AS waiting
    FROM instance i JOIN flow f ON f.id = i.flow_id
    WHERE i.id = $1::uuid
) r;
