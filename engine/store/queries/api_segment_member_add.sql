-- Puts customers into a static segment, those who are not in it: $1 segment, $2 external ids.
WITH put AS (
    INSERT INTO segment_member (segment_id, customer_uuid, tenant_id, customer_key, customer_id)
    SELECT s.id, c.id, c.tenant_id, c.customer_key, c.external_id
    FROM segment s
    JOIN customer c ON c.external_id = ANY ($2::text[])
    WHERE s.id = $1::uuid AND s.type = 'static'
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT json_build_object('added', count(*)) FROM put;
