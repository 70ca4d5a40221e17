-- All waits of a shard, for its index.
SELECT customer_key, instance_id, seq, tenant_id, flow_id, version, node_id, paused
FROM wait
WHERE shard = $1
