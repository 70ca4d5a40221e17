-- The whole answer of a claim: $1 tenant, $2 key, $3 status, $4 sealed body, $5 journey time.
WITH put AS (
    INSERT INTO idempotency_answer AS a (tenant_id, key, item, status, answer, answered_at)
    VALUES ($1::uuid, $2::text, -1, $3::int2, $4::bytea, $5::timestamptz)
    ON CONFLICT (tenant_id, key, item) DO UPDATE
    SET status = excluded.status, answer = excluded.answer, answered_at = excluded.answered_at
    WHERE a.answered_at <= excluded.answered_at - interval '23 hours'
    RETURNING 1
)
SELECT kal_once(count(*), 1) FROM put;
