-- A flow's instances, newest first: $1 flow, $2 id to begin below, $3 rows, $4 status, $5 version,
-- $6 journey time.
SELECT kal_instance_json(i, $6::timestamptz), i.id::text
FROM instance i
WHERE i.flow_id = $1::uuid AND i.id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    AND ($4::text IS NULL OR i.status = $4::text)
    AND ($5::int4 IS NULL OR i.version = $5::int4)
ORDER BY i.id DESC LIMIT $3::int4;
