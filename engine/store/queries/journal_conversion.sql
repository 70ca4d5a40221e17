-- Records conversions.
INSERT INTO conversion (id, tenant_id, flow_id, instance_id, customer_uuid, conversion_type, value,
    metadata, converted_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
    $7::float8[], $8::json[], $9::timestamptz[])
