-- The tenant's segments, newest first: $1 id to begin below, $2 rows, $3 type.
SELECT kal_segment_json(s), s.id::text FROM segment s
WHERE s.id < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    AND ($3::text IS NULL OR s.type = $3::text)
ORDER BY s.id DESC LIMIT $2::int4;
