-- Which of some static segments customers are in.
SELECT m.customer_key, m.customer_id, m.segment_id
FROM unnest($1::int8[], $2::uuid[], $3::uuid[]) AS w (customer_key, segment_id, tenant_id)
JOIN segment_member m ON m.customer_key = w.customer_key AND m.segment_id = w.segment_id
    AND m.tenant_id = w.tenant_id
