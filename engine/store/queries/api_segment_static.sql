-- Members of a static segment, newest customers first: $1 segment, $2 id to begin below, $3 rows.
SELECT kal_customer_json(c), c.id::text
FROM segment_member m
JOIN customer c ON c.id = m.customer_uuid
WHERE m.segment_id = $1::uuid
    AND m.customer_uuid < (SELECT coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
ORDER BY m.customer_uuid DESC LIMIT $3::int4;
