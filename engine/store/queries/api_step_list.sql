-- An instance's steps by time, each with its node's config: $1 instance, $2 id to begin above,
-- $3 rows.
WITH page AS MATERIALIZED (
    SELECT * FROM step
    WHERE instance_id = $1::uuid
        AND id > (SELECT coalesce($2::uuid, '00000000-0000-0000-0000-000000000000'))
    ORDER BY id LIMIT $3::int4
)
SELECT row_to_json(s), s.id::text FROM (
    SELECT p.id, p.instance_id, p.node_id, p.node_type, p.version, p.status, p.branch,
        n.config AS input, p.output, p.error, p.trigger,
        kal_iso(p.started_at) AS started_at,
        kal_iso(p.completed_at) AS completed_at
    FROM page p
    LEFT JOIN kal_node_configs((SELECT flow_id FROM instance WHERE id = $1::uuid),
        (SELECT array_agg(DISTINCT version) FROM page)) n
        ON n.version = p.version AND n.node_id = p.node_id
    ORDER BY p.id
) s;
