-- An instance's context as the caller wrote it: its numbers and the order of its members.

CREATE OR REPLACE FUNCTION kal_instance_json(i instance, now timestamptz)
RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT row_to_json(r) FROM (
        SELECT i.id, i.flow_id, i.version, i.customer_id, i.status,
            (SELECT coalesce(json_agg(node_id ORDER BY seq), '[]') FROM (
                SELECT node_id, min(seq) AS seq FROM wait WHERE instance_id = i.id GROUP BY node_id
            ) live) AS current_nodes,
            (SELECT json_object_agg(key, value ORDER BY at) FROM (
                SELECT key, value, at FROM json_each(i.context) WITH ORDINALITY AS c(key, value, at)
                WHERE key <> 'accumulated'
                UNION ALL
                SELECT 'accumulated', i.accumulated, NULL -- the last
            ) members) AS context,
            kal_iso(i.entered_at) AS entered_at,
            kal_iso(i.completed_at) AS completed_at,
            kal_iso(i.exited_at) AS exited_at,
            i.exit_reason, i.migrated_from_version,
            kal_iso(i.migrated_at) AS migrated_at,
            (SELECT coalesce(json_agg(row_to_json(w)), '[]') FROM (
                SELECT node_id, node_type AS type, event_type, kal_iso(due) AS until,
                    (SELECT greatest(0, ms) WHERE ms IS NOT NULL) AS remaining_ms
                FROM (
                    SELECT *, due_at + CASE WHEN absolute THEN interval '0'
                        ELSE make_interval(secs => (f.paused_ms / 1000.0
                            + coalesce(extract(epoch FROM now - f.paused_at), 0))::float8)
                        END AS due
                    FROM wait WHERE instance_id = i.id
                ) effective, LATERAL (
                    SELECT (extract(epoch FROM due - now) * 1000)::bigint AS ms
                ) remaining
                ORDER BY seq
            ) w) AS waiting
        FROM flow f WHERE f.id = i.flow_id
    ) r);
END
$$;
