-- The tenant's keys, newest first: $1 id to begin below, $2 rows.
SELECT row_to_json(k), k.id::text FROM (
    SELECT id, name, role, kal_iso(created_at) AS created_at, kal_iso(expires_at) AS expires_at,
        kal_iso(last_used_at) AS last_used_at, revoked_at IS NOT NULL AS revoked
    FROM api_key
    WHERE id < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY id DESC LIMIT $2::int4
) k;
