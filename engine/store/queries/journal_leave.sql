-- Forgets enrolments of customers who have left the segment: coming back counts as new.
DELETE FROM enrolment AS e USING unnest($1::uuid[], $2::text[], $3::uuid[])
    AS g (flow_id, entry, customer_uuid)
WHERE e.flow_id = g.flow_id AND e.entry = g.entry AND e.customer_uuid = g.customer_uuid
