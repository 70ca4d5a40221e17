-- Tenants with unfinished business on a shard: held events, deliveries to send, live instances of
-- archived flows; and those whose flows customers enter by themselves.
SELECT DISTINCT tenant_id FROM held_event WHERE shard = $1::int2 AND NOT paused
UNION
SELECT DISTINCT f.tenant_id
FROM delivery d
JOIN flow f ON f.id = d.flow_id
WHERE d.shard = $1::int2 AND d.status = 'pending'
UNION
SELECT DISTINCT f.tenant_id
FROM flow f
JOIN instance i ON i.flow_id = f.id AND i.status IN ('running', 'waiting', 'paused')
WHERE f.status = 'archived' AND i.shard = $1::int2
UNION
SELECT DISTINCT f.tenant_id
FROM flow f
JOIN flow_version v ON v.flow_id = f.id AND v.number = f.active_version
WHERE f.status = 'active' AND EXISTS (
    SELECT FROM json_object_keys(v.node_types) AS t (type)
    WHERE t.type IN ('segment_entry', 'scheduled_entry'))
