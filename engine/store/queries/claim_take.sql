-- Claims a request unless its key is claimed: $1 tenant, $2 key, $3 request, $4 journey time.
INSERT INTO idempotency_claim AS c (tenant_id, key, request, claimed_at)
VALUES ($1::uuid, $2::text, $3::text, $4::timestamptz)
ON CONFLICT (tenant_id, key) DO UPDATE
SET request = excluded.request, claimed_at = excluded.claimed_at
WHERE c.claimed_at <= excluded.claimed_at - interval '24 hours';
