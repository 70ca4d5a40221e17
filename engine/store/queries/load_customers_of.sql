-- Customers of instances.
SELECT DISTINCT ON (c.id) c.customer_key, c.id, c.external_id, c.email, c.phone, c.name,
    c.timezone, c.properties, c.tags, c.preferences, c.created_at,
    c.last_seen_at
FROM instance i
JOIN customer c ON c.id = i.customer_uuid
WHERE i.id = ANY ($1::uuid[])
