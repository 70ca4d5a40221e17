-- One instance and its steps by time, each with its node's config: $1 id, $2 journey time.
SELECT kal_instance_json(i, $2::timestamptz), (
    SELECT coalesce(json_agg(row_to_json(s) ORDER BY s.id), '[]') FROM (
        SELECT p.id, p.instance_id, p.node_id, p.node_type, p.version, p.status, p.branch,
            n.config AS input, p.output, p.error, p.trigger,
            kal_iso(p.started_at) AS started_at,
            kal_iso(p.completed_at) AS completed_at
        FROM step p
        LEFT JOIN kal_node_configs(i.flow_id,
            (SELECT array_agg(DISTINCT version) FROM step WHERE instance_id = i.id)) n
            ON n.version = p.version AND n.node_id = p.node_id
        WHERE p.instance_id = i.id
    ) s
)
FROM instance i WHERE i.id = $1::uuid;
