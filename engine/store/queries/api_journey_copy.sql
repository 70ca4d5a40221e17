-- A copy of a journey around a copy of its flow; raises KL002 when it is gone: $1 journey, $2 the
-- copy's id, $3 its flow, $4 journey time.
WITH made AS (
    INSERT INTO journey (id, tenant_id, flow_id, follows, name, description, goal_config, schedule,
                         audience_criteria, tags, created_at, updated_at)
    SELECT $2::uuid, tenant_id, $3::uuid, true, kal_copy_name(name), description, goal_config,
        schedule, audience_criteria, tags, $4::timestamptz, $4::timestamptz
    FROM journey WHERE id = $1::uuid
    RETURNING id
)
SELECT kal_expect(count(*), 1, 'the journey has gone') FROM made;
