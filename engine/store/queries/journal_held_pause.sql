-- Ties held events to the pauses of their instances, or frees them.
UPDATE held_event AS h SET paused = m.paused
FROM unnest($1::uuid[], $2::bool[]) AS m (instance_id, paused)
WHERE h.instance_id = m.instance_id AND h.paused <> m.paused
