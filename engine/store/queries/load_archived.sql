-- Live instances of tenants' archived flows.
SELECT i.id, i.tenant_id, i.customer_key
FROM flow f
JOIN instance i ON i.flow_id = f.id AND i.status IN ('running', 'waiting', 'paused')
WHERE f.status = 'archived' AND f.tenant_id = ANY ($2::uuid[]) AND i.shard = $1::int2
ORDER BY i.id
LIMIT 100000
