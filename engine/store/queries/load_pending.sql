-- A shard's deliveries that have not ended, as providers get them.
SELECT d.id, d.flow_id, d.provider, d.attempts,
    json_build_object('id', d.id, 'at', kal_iso(d.created_at), 'instance_id', d.instance_id,
        'node_id', d.node_id, 'customer_id', i.customer_id, 'channel', d.channel,
        'provider', d.provider, 'recipient', d.recipient, 'message', d.message),
    d.tenant_id, d.instance_id, d.customer_key, coalesce(d.awaited_by, 0)
FROM delivery d
JOIN instance i ON i.id = d.instance_id
WHERE d.shard = $1 AND d.status = 'pending'
ORDER BY d.created_at, d.id
