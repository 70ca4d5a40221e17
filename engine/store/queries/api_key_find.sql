-- The tenant, role, limits and last use behind an API key: $1 its SHA-256.
SELECT k.tenant_id, k.id, k.role, k.expires_at, t.settings::text, k.last_used_at
FROM api_key k JOIN tenant t ON t.id = k.tenant_id
WHERE k.hash = $1::bytea AND k.revoked_at IS NULL;
