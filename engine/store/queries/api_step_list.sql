-- An instance's steps by time: $1 instance, $2 id to begin above, $3 rows.
SELECT row_to_json(s), s.id::text FROM (
    SELECT id, instance_id, node_id, node_type, version, status, branch, output, error, trigger,
        to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS started_at,
        to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS completed_at
    FROM step
    WHERE instance_id = $1::uuid AND id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
    ORDER BY id LIMIT $3::int4
) s;
