-- Records what is to be sent.
INSERT INTO delivery (id, tenant_id, shard, flow_id, instance_id, customer_uuid, customer_key,
    node_id, channel, provider, recipient, message, status, created_at, error, failed_at,
    awaited_by)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int2[], $4::uuid[], $5::uuid[], $6::uuid[],
    $7::int8[], $8::text[], $9::text[], $10::text[], $11::json[], $12::json[], $13::text[],
    $14::timestamptz[], $15::text[], $16::timestamptz[], $17::int4[])
