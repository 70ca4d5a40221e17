-- Customers by external id.
SELECT c.customer_key, c.id, c.external_id, c.email, c.phone, c.name, c.timezone,
    c.properties, c.tags, c.preferences, c.created_at, c.last_seen_at
FROM unnest($1::uuid[], $2::text[]) AS w (tenant_id, external_id)
JOIN customer c ON c.tenant_id = w.tenant_id AND c.external_id = w.external_id
