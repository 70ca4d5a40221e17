-- Customers' recent events for waits that look back, at most 100 each, oldest first.
SELECT w.customer_key, e.id, e.event_id, e.event_type, e.data, e.occurred_at, e.received_at
FROM unnest($1::int8[], $2::timestamptz[], $3::uuid[]) AS w (customer_key, since, tenant_id)
CROSS JOIN LATERAL (
    SELECT * FROM event x
    WHERE x.customer_key = w.customer_key AND x.received_at >= w.since
        AND x.tenant_id = w.tenant_id
    ORDER BY x.received_at DESC LIMIT 100
) AS e
ORDER BY e.received_at, e.id
