-- One key: $1 id.
SELECT row_to_json(k) FROM (
    SELECT id, name, role, kal_iso(created_at) AS created_at, kal_iso(expires_at) AS expires_at,
        kal_iso(last_used_at) AS last_used_at, revoked_at IS NOT NULL AS revoked
    FROM api_key WHERE id = $1::uuid
) k;
