-- Records an attempt before it leaves, and how it ended.
WITH moved AS (
    UPDATE delivery AS d
    SET status = m.status, attempts = m.attempts,
        provider_message_id = coalesce(m.provider_message_id, d.provider_message_id),
        error = m.error, sent_at = coalesce(m.sent_at, d.sent_at),
        failed_at = coalesce(m.failed_at, d.failed_at)
    FROM unnest($1::uuid[], $2::text[], $3::int4[], $4::text[], $5::text[], $6::timestamptz[],
        $7::timestamptz[])
        AS m (id, status, attempts, provider_message_id, error, sent_at, failed_at)
    WHERE d.id = m.id
    RETURNING 1
)
SELECT kal_expect(count(*), cardinality($1), 'delivery_move') FROM moved
