-- Keeps events for instances whose flow is paused.
INSERT INTO held_event (id, tenant_id, shard, flow_id, instance_id, customer_key, event)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int2[], $4::uuid[], $5::uuid[], $6::int8[],
    $7::json[])
