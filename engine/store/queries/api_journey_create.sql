-- A new draft journey; no row when the flow is not there or archived: $1 id, $2 flow, $3 name,
-- $4 description, $5 goal_config, $6 schedule, $7 audience_criteria, $8 tags, $9 journey time.
INSERT INTO journey (id, tenant_id, flow_id, follows, name, description, goal_config, schedule,
                     audience_criteria, tags, created_at, updated_at)
SELECT $1::uuid, f.tenant_id, f.id, f.status = 'draft', $3::text, $4::text,
    coalesce($5::json, '{}'), coalesce($6::json, '{}'), coalesce($7::json, '{}'),
    coalesce($8::json, '[]'), $9::timestamptz, $9::timestamptz
FROM flow f WHERE f.id = $2::uuid AND f.status <> 'archived'
RETURNING id;
