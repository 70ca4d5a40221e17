-- Whether a static segment has a customer: $1 segment, $2 external id, $3 customer key.
SELECT 1::int4 FROM segment_member WHERE segment_id = $1::uuid AND customer_id = $2::text
    AND customer_key = $3::int8;
