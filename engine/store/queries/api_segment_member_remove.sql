-- Takes customers out of a static segment: $1 segment, $2 external ids.
DELETE FROM segment_member WHERE segment_id = $1::uuid AND customer_id = ANY ($2::text[]);
