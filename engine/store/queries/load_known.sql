-- First answers of event ids that are known for less than seven days.
SELECT d.customer_key, d.event_id, d.routed, d.started, d.held, d.instance_id
FROM unnest($1::int8[], $2::text[], $3::uuid[]) AS w (customer_key, event_id, tenant_id)
JOIN event_dedupe d ON d.customer_key = w.customer_key AND d.event_id = w.event_id
    AND d.tenant_id = w.tenant_id
WHERE d.received_at > $4::timestamptz - interval '7 days'
