-- One instance and its steps by time: $1 id, $2 journey time.
SELECT kal_instance_json(i, $2::timestamptz), (
    SELECT coalesce(json_agg(row_to_json(s) ORDER BY s.id), '[]') FROM (
        SELECT id, instance_id, node_id, node_type, version, status, branch,
            output, error, trigger,
            kal_iso(started_at) AS started_at,
            kal_iso(completed_at) AS completed_at
        FROM step WHERE instance_id = i.id
    ) s
)
FROM instance i WHERE i.id = $1::uuid;
