-- The tenant's journeys, newest first: $1 id to begin below, $2 rows, $3 status, $4 tag. The
-- planner takes a coalesce for true half of the time, hence reads by the index until the page is
-- full; of "null or equal" it expects so few rows that it reads and sorts them all.
SELECT row_to_json(r), r.id::text FROM (
    SELECT j.id, j.name, j.description, kal_journey_status(j.follows, f.status) AS status,
        j.flow_id, j.goal_config, j.schedule, j.audience_criteria, j.tags,
        kal_iso(j.created_at) AS created_at,
        kal_iso(greatest(j.updated_at, f.updated_at)) AS updated_at
    FROM journey j JOIN flow f ON f.id = j.flow_id
    WHERE j.id < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        AND coalesce(kal_journey_status(j.follows, f.status) = $3::text, true)
        AND coalesce(kal_has_tag(j.tags, $4::text), true)
    ORDER BY j.id DESC LIMIT $2::int4
) r;
