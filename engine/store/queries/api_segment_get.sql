-- One segment: $1 id.
SELECT kal_segment_json(s) FROM segment s WHERE id = $1::uuid;
