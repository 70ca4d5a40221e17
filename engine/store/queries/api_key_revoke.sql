-- Revokes a key, once: $1 id.
UPDATE api_key SET changed_at = clock_timestamp(), revoked_at = clock_timestamp()
WHERE id = $1::uuid AND revoked_at IS NULL
RETURNING id;
