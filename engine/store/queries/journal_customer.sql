-- Creates or rewrites customers. A created one whose external id is taken raises.
INSERT INTO customer AS c (id, tenant_id, external_id, customer_key, email, phone, name, timezone,
    properties, tags, preferences, created_at, last_seen_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int8[], $5::text[], $6::text[],
    $7::text[], $8::text[], $9::json[], $10::json[], $11::json[], $12::timestamptz[],
    $13::timestamptz[])
ON CONFLICT (id) DO UPDATE SET email = excluded.email, phone = excluded.phone,
    name = excluded.name, timezone = excluded.timezone, properties = excluded.properties,
    tags = excluded.tags, preferences = excluded.preferences, last_seen_at = excluded.last_seen_at
