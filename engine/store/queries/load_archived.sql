-- Live instances of tenants' archived flows: of each flow a few.
SELECT i.id, i.tenant_id, i.customer_key, i.flow_id
FROM flow f
CROSS JOIN LATERAL (
    SELECT * FROM instance x
    WHERE x.flow_id = f.id AND x.status IN ('running', 'waiting', 'paused')
        AND x.shard = $1::int2
    LIMIT $3::int4
) AS i
WHERE f.tenant_id = ANY ($2::uuid[]) AND f.status = 'archived'
