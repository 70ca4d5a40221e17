-- Customers' events of the types that their waits look back for, oldest first. Of each type at most
-- the newest 100; of all together at most 8 MiB of data, which parsed is many times as much: the
-- newest of everybody's types come before the second of any.
SELECT c.customer_key, c.id, c.event_id, c.event_type, c.data, c.occurred_at, c.received_at
FROM (
    SELECT w.customer_key, w.event_type, e.*,
        sum(octet_length(e.data::text))
            OVER (ORDER BY e.nth, w.customer_key, w.event_type ROWS UNBOUNDED PRECEDING) AS bytes
    FROM unnest($1::int8[], $2::text[], $3::timestamptz[], $4::uuid[])
        AS w (customer_key, event_type, since, tenant_id)
    CROSS JOIN LATERAL (
        SELECT x.id, x.event_id, x.data, x.occurred_at, x.received_at,
            row_number() OVER (ORDER BY x.received_at DESC, x.id DESC) AS nth
        FROM event x
        WHERE x.customer_key = w.customer_key AND x.received_at >= w.since
            AND x.tenant_id = w.tenant_id AND x.event_type = w.event_type
        ORDER BY x.received_at DESC, x.id DESC LIMIT 100
    ) AS e
) AS c
WHERE c.bytes <= 8 * 1024 * 1024
ORDER BY c.received_at, c.id
