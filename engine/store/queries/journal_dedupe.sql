-- Remembers event ids with the first answer; an id older than seven days is taken over.
WITH put AS (
    INSERT INTO event_dedupe AS d (customer_key, event_id, tenant_id, routed, started, held,
        received_at, instance_id)
    SELECT * FROM unnest($1::int8[], $2::text[], $3::uuid[], $4::int4[], $5::int4[], $6::int4[],
        $7::timestamptz[], $8::uuid[])
    ON CONFLICT (customer_key, event_id, tenant_id) DO UPDATE
    SET routed = excluded.routed, started = excluded.started, held = excluded.held,
        received_at = excluded.received_at, instance_id = excluded.instance_id
    WHERE d.received_at <= excluded.received_at - interval '7 days'
    RETURNING 1
)
SELECT kal_expect(count(*), cardinality($1), 'event_dedupe') FROM put
