-- Drops what nobody asks for any more, some of it at a time: $1 journey time.
WITH usage AS (
    DELETE FROM tenant_usage WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM tenant_usage
        WHERE day < floor(extract(epoch FROM $1::timestamptz) / 86400) - 7 LIMIT 10000))
), claim AS (
    DELETE FROM idempotency_claim WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM idempotency_claim
        WHERE claimed_at < $1::timestamptz - interval '1 day' LIMIT 100000))
)
DELETE FROM idempotency_answer WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_answer
    WHERE answered_at < $1::timestamptz - interval '1 day' LIMIT 100000));
