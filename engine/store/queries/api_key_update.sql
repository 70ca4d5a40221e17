-- Changes what is given of a key that is not revoked: $1 id, $2 name, $3 role, $4 whether to set
-- when it ends, $5 when.
UPDATE api_key SET changed_at = clock_timestamp(), name = coalesce($2::text, name),
    role = coalesce($3::text, role),
    expires_at = CASE WHEN $4::bool THEN $5::timestamptz ELSE expires_at END
WHERE id = $1::uuid AND revoked_at IS NULL
RETURNING id;
