-- Starts instances, each on its flow's active version; a flow that has moved on raises.
WITH put AS (
    INSERT INTO instance (id, tenant_id, flow_id, version, customer_uuid, customer_id,
        customer_key, shard, status, context, accumulated, state, entered_at, completed_at,
        exited_at, exit_reason)
    SELECT i.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int4[], $5::uuid[], $6::text[],
        $7::int8[], $8::int2[], $9::text[], $10::json[], $11::json[], $12::json[],
        $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::text[])
        AS i (id, tenant_id, flow_id, version, customer_uuid, customer_id, customer_key, shard,
              status, context, accumulated, state, entered_at, completed_at, exited_at, exit_reason)
    JOIN flow f ON f.id = i.flow_id AND f.active_version = i.version AND f.status = 'active'
    RETURNING 1
)
SELECT kal_expect(count(*), cardinality($1), 'instance_start') FROM put
