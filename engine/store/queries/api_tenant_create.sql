-- A new tenant: $1 id, $2 name, $3 journey time.
INSERT INTO tenant (id, name, created_at) VALUES ($1::uuid, $2::text, $3::timestamptz);
