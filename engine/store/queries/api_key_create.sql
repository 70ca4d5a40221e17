-- A new API key: $1 id, $2 tenant, $3 SHA-256, $4 name, $5 role, $6 journey time, $7 when it ends.
INSERT INTO api_key (id, tenant_id, hash, name, role, created_at, expires_at)
VALUES ($1::uuid, $2::uuid, $3::bytea, $4::text, $5::text, $6::timestamptz, $7::timestamptz);
