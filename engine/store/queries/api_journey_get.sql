-- One journey: $1 id.
SELECT row_to_json(r) FROM (
    SELECT j.id, j.name, j.description, kal_journey_status(j.follows, f.status) AS status,
        j.flow_id, j.goal_config, j.schedule, j.audience_criteria, j.tags,
        kal_iso(j.created_at) AS created_at,
        kal_iso(greatest(j.updated_at, f.updated_at)) AS updated_at
    FROM journey j JOIN flow f ON f.id = j.flow_id
    WHERE j.id = $1::uuid
) r;
