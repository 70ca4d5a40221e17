-- Sets the fields of a draft journey that are given; no row when it is no draft, or the flow is not
-- there or archived. Its present flow may not move meanwhile. $1 id, $2 flow, $3 name,
-- $4 whether description is given, $5 description, $6 goal_config, $7 schedule,
-- $8 audience_criteria, $9 tags, $10 journey time.
UPDATE journey j SET
    flow_id = wanted.id,
    follows = CASE WHEN wanted.id = j.flow_id THEN j.follows ELSE wanted.status = 'draft' END,
    name = coalesce($3::text, j.name),
    description = CASE WHEN $4::bool THEN $5::text ELSE j.description END,
    goal_config = coalesce($6::json, j.goal_config),
    schedule = coalesce($7::json, j.schedule),
    audience_criteria = coalesce($8::json, j.audience_criteria),
    tags = coalesce($9::json, j.tags),
    updated_at = $10::timestamptz
FROM (
    SELECT id, status FROM flow WHERE id = (SELECT flow_id FROM journey WHERE id = $1::uuid)
    FOR SHARE
) f, flow wanted
WHERE j.id = $1::uuid AND f.id = j.flow_id AND kal_journey_status(j.follows, f.status) = 'draft'
    AND wanted.id = coalesce($2::uuid, j.flow_id) AND wanted.status <> 'archived'
RETURNING j.id;
