-- The tenant's journeys as files hold them, in order of creation, but for archived ones: $1 id to
-- begin above, $2 rows.
SELECT j.id, kal_journey_status(j.follows, f.status), row_to_json(r), 0
FROM journey j JOIN flow f ON f.id = j.flow_id,
LATERAL (
    SELECT j.name, j.description, j.flow_id, j.goal_config, j.schedule, j.audience_criteria, j.tags
) r
WHERE j.id > $1::uuid AND f.status <> 'archived'
ORDER BY j.id LIMIT $2::int4;
