-- The flow that a journey wraps, and the journey's status: $1 id.
SELECT f.id, kal_journey_status(j.follows, f.status)
FROM journey j JOIN flow f ON f.id = j.flow_id
WHERE j.id = $1::uuid;
