-- Deletes a draft journey; its flow, which may not move meanwhile, stays: $1 id.
DELETE FROM journey j USING (
    SELECT id, status FROM flow WHERE id = (SELECT flow_id FROM journey WHERE id = $1::uuid)
    FOR SHARE
) f
WHERE j.id = $1::uuid AND f.id = j.flow_id AND kal_journey_status(j.follows, f.status) = 'draft'
RETURNING j.id;
