-- Publishes a draft version and makes its flow active; raises KL002 when anything has moved since
-- it was read: $1 flow, $2 number, $3 status and $4 active version as read, $5 journey time,
-- $6 node types, $7 who, $8 plugins, $9 their artefacts by hash, $10 those that are the tenant's
-- own, which must be there still.
WITH moved AS (
    UPDATE flow SET status = 'active', active_version = $2::int4, updated_at = $5::timestamptz,
        paused_at = NULL, paused_ms = paused_ms
            + coalesce((extract(epoch FROM $5::timestamptz - paused_at) * 1000)::bigint, 0)
    WHERE id = $1::uuid AND status = $3::text AND active_version IS NOT DISTINCT FROM $4::int4
    RETURNING id
), deprecated AS (
    UPDATE flow_version SET status = 'deprecated'
    WHERE flow_id = (SELECT id FROM moved) AND number = $4::int4 AND status = 'published'
), published AS (
    UPDATE flow_version SET status = 'published', published_at = $5::timestamptz,
        node_types = $6::json, published_by = $7::text, plugins = $8::json
    WHERE flow_id = (SELECT id FROM moved) AND number = $2::int4 AND status = 'draft'
    RETURNING number
), kept AS (
    INSERT INTO artefact (hash, content, created_at)
    SELECT key, value, $5::timestamptz FROM json_each_text($9::json) ORDER BY key
    ON CONFLICT DO NOTHING
)
SELECT kal_expect(count(*), 1, 'the flow or its draft has moved'),
    kal_expect((SELECT count(*) FROM json_object_keys($10::json) AS own (type)
        WHERE NOT EXISTS (SELECT FROM plugin p WHERE p.type = own.type)), 0,
        'a plugin of the graph is gone')
FROM published;
