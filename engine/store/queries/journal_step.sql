-- Records executed nodes.
INSERT INTO step (id, instance_id, tenant_id, node_id, node_type, version, status, branch, output,
    error, trigger, started_at, completed_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::int4[],
    $7::text[], $8::text[], $9::json[], $10::text[], $11::text[], $12::timestamptz[],
    $13::timestamptz[])
