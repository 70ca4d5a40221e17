-- Keeps events for instances that are paused, or whose flow is.
INSERT INTO held_event (id, tenant_id, shard, flow_id, instance_id, customer_key, event, paused)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int2[], $4::uuid[], $5::uuid[], $6::int8[],
    $7::json[], $8::bool[])
