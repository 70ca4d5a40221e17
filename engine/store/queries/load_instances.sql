-- Instances that wake.
SELECT id, customer_key, tenant_id, flow_id, version, customer_uuid, customer_id, status,
    row_version, context, accumulated, state
FROM instance
WHERE id = ANY ($1::uuid[])
