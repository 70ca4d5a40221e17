-- A claim and what has come of it: $1 tenant, $2 key.
SELECT c.request, a.item, a.status, a.answer, a.instance_id, a.result
FROM idempotency_claim c
LEFT JOIN idempotency_answer a ON a.tenant_id = c.tenant_id AND a.key = c.key
    AND a.answered_at >= c.claimed_at
WHERE c.tenant_id = $1::uuid AND c.key = $2::text
ORDER BY a.item;
