-- Works of claimed requests that happen now, with what they give. One that has happened raises.
WITH put AS (
    INSERT INTO idempotency_answer AS a (tenant_id, key, item, instance_id, result, answered_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::int4[], $4::uuid[], $5::text[],
        $6::timestamptz[])
    ON CONFLICT (tenant_id, key, item) DO UPDATE
    SET instance_id = excluded.instance_id, result = excluded.result,
        answered_at = excluded.answered_at
    WHERE a.answered_at <= excluded.answered_at - interval '23 hours'
    RETURNING 1
)
SELECT kal_once(count(*), cardinality($1)) FROM put
