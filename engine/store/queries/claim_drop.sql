-- Gives up a claim of which nothing has come: $1 tenant, $2 key.
DELETE FROM idempotency_claim c
WHERE tenant_id = $1::uuid AND key = $2::text AND NOT EXISTS (
    SELECT FROM idempotency_answer a
    WHERE a.tenant_id = c.tenant_id AND a.key = c.key AND a.answered_at >= c.claimed_at);
