-- Stores accepted events.
INSERT INTO event (id, tenant_id, customer_key, customer_id, event_id, event_type, data,
    occurred_at, received_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int8[], $4::text[], $5::text[], $6::text[],
    $7::json[], $8::timestamptz[], $9::timestamptz[])
