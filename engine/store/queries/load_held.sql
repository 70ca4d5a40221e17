-- Held events of tenants' flows that are not paused any more, in order.
SELECT h.id, h.tenant_id, h.instance_id, h.customer_key, h.event
FROM held_event h
JOIN flow f ON f.id = h.flow_id AND f.status <> 'paused'
WHERE h.shard = $1::int2 AND h.tenant_id = ANY ($2::uuid[])
ORDER BY h.id
LIMIT 100000
