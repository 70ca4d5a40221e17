-- Begins waits.
INSERT INTO wait (instance_id, seq, shard, tenant_id, customer_key, flow_id, version, node_id,
    node_type, event_type, due_at, absolute, began_at, state, paused, remaining_ms)
SELECT * FROM unnest($1::uuid[], $2::int4[], $3::int2[], $4::uuid[], $5::int8[], $6::uuid[],
    $7::int4[], $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::bool[],
    $13::timestamptz[], $14::json[], $15::bool[], $16::int8[])
