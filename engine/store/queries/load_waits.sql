-- Waits of instances that wake, oldest first.
SELECT w.customer_key, w.instance_id, w.seq, w.node_id, w.node_type, w.due_at, w.absolute,
    w.began_at, w.state, w.paused, w.remaining_ms
FROM wait w
WHERE w.instance_id = ANY ($1::uuid[])
ORDER BY w.instance_id, w.seq
