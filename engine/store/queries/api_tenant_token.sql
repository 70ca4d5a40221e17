-- What a tenant's tokens are checked with: $1 id.
SELECT jwt_secret, settings::text FROM tenant WHERE id = $1::uuid;
