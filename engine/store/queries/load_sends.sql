-- How many messages of customers count for caps: those of a channel since then, without the failed
-- ones; no more than the greatest cap.
SELECT w.customer_key, w.channel, w.window_ms, c.n
FROM unnest($1::int8[], $2::text[], $3::int8[], $4::timestamptz[], $5::uuid[])
    AS w (customer_key, channel, window_ms, since, tenant_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT 1 FROM delivery d
        WHERE d.customer_key = w.customer_key AND d.created_at > w.since
            AND d.tenant_id = w.tenant_id AND d.status <> 'failed'
            AND (w.channel = 'all' OR d.channel = w.channel)
        LIMIT 10000
    ) AS counted
) AS c
