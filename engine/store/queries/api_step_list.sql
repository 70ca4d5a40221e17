-- An instance's steps by time: $1 instance, $2 id to begin above, $3 rows.
SELECT row_to_json(s), s.id::text FROM (
    SELECT id, instance_id, node_id, node_type, version, status, branch, output, error, trigger,
        kal_iso(started_at) AS started_at,
        kal_iso(completed_at) AS completed_at
    FROM step
    WHERE instance_id = $1::uuid AND id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
    ORDER BY id LIMIT $3::int4
) s;
