-- The tenant's segments, newest first: $1 id to begin below, $2 rows, $3 type.
SELECT kal_segment_json(s), s.id::text FROM segment s
WHERE s.id < CASE WHEN $1::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'
        ELSE $1::uuid END
    AND ($3::text IS NULL OR s.type = $3::text)
ORDER BY s.id DESC LIMIT $2::int4;
