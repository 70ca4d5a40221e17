-- A customer's instances of all flows, newest first, each with its flow and the journey around it:
-- $1 id or $2 external id, the other null, $3 id to begin below, $4 rows, $5 journey time.
WITH who AS MATERIALIZED (
    SELECT id, customer_key FROM customer WHERE id = $1::uuid
    UNION ALL SELECT id, customer_key FROM customer WHERE external_id = $2::text LIMIT 1
)
SELECT (
    SELECT json_object_agg(key, value) FROM (
        SELECT key, value FROM json_each(kal_instance_json(i, $5::timestamptz))
        UNION ALL
        SELECT 'flow', (SELECT json_build_object('id', id, 'name', name, 'status', status)
                        FROM flow WHERE id = i.flow_id)
        UNION ALL
        SELECT 'journey', (SELECT json_build_object('id', j.id, 'name', j.name, 'status',
                               kal_journey_status(j.follows, f.status))
                           FROM journey j JOIN flow f ON f.id = j.flow_id
                           WHERE j.flow_id = i.flow_id)
    ) members
), i.id::text
FROM instance i
WHERE i.customer_key = (SELECT customer_key FROM who) AND i.customer_uuid = (SELECT id FROM who)
    AND i.id < (SELECT coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
ORDER BY i.id DESC LIMIT $4::int4;
