-- A customer's instances of a flow, newest first: as api_instance_list, and $7 customer, $8 key.
SELECT kal_instance_json(i, $6::timestamptz), i.id::text
FROM instance i
WHERE i.customer_key = $8::int8 AND i.flow_id = $1::uuid AND i.customer_id = $7::text
    AND i.id < (SELECT coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    AND ($4::text IS NULL OR i.status = $4::text)
    AND ($5::int4 IS NULL OR i.version = $5::int4)
ORDER BY i.id DESC LIMIT $3::int4;
