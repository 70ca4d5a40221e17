-- Tells processes that run shards that a tenant's segments have changed: $1 id.
UPDATE tenant SET changed_at = clock_timestamp() WHERE id = $1::uuid;
