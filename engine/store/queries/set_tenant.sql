-- Makes the tenant known to row level security until the transaction ends: $1 tenant.
SELECT set_config('app.tenant', $1::uuid::text, true)
