-- Held events that nothing holds any more (their flow is not paused, nor their instance), in order:
-- of each flow the first few.
SELECT h.id, h.tenant_id, h.instance_id, h.customer_key, h.event, h.flow_id
FROM flow f
CROSS JOIN LATERAL (
    SELECT * FROM held_event x
    WHERE x.flow_id = f.id AND x.shard = $1::int2 AND NOT x.paused
    ORDER BY x.id
    LIMIT $3::int4
) AS h
WHERE f.tenant_id = ANY ($2::uuid[]) AND f.status <> 'paused'
ORDER BY h.id
