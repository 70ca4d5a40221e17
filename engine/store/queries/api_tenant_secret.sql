-- Sets the secret of a tenant's tokens: $1 id, $2 the secret, null for none.
UPDATE tenant SET changed_at = clock_timestamp(), jwt_secret = $2::text WHERE id = $1::uuid;
