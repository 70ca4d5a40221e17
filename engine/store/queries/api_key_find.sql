-- The tenant, role and limits behind an API key: $1 its SHA-256.
SELECT k.tenant_id, k.id, k.role, k.expires_at, t.settings::text
FROM api_key k JOIN tenant t ON t.id = k.tenant_id
WHERE k.hash = $1::bytea AND k.revoked_at IS NULL;
