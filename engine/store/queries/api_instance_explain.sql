-- All that tells why an instance is where it is: the instance, its flow's state and version's
-- graph, its waits, its last 1000 steps, the customer's last 100 events since a day before it
-- began, and the ids of those that are held for it; outputs and data over 16 KB are left out:
-- $1 id, $2 journey time.
SELECT json_build_object(
    'instance', kal_instance_json(i, $2::timestamptz),
    'flow', (SELECT json_build_object('status', status, 'exit_criteria', exit_criteria)
             FROM flow WHERE id = i.flow_id),
    'graph', (SELECT graph FROM flow_version WHERE flow_id = i.flow_id AND number = i.version),
    'waits', (
        SELECT coalesce(json_agg(json_build_object('node_id', node_id,
            'began_at', kal_iso(began_at), 'seen', state -> 'seen') ORDER BY seq), '[]')
        FROM wait WHERE instance_id = i.id),
    'n_steps', (SELECT count(*) FROM step WHERE instance_id = i.id),
    'steps', (
        SELECT coalesce(json_agg(row_to_json(s) ORDER BY s.id), '[]') FROM (
            SELECT id, node_id, node_type, status, branch, error, trigger,
                CASE WHEN octet_length(output::text) <= 16384 THEN output END AS output,
                kal_iso(started_at) AS started_at, kal_iso(completed_at) AS completed_at
            FROM step WHERE instance_id = i.id ORDER BY id DESC LIMIT 1000) s),
    'events', (
        SELECT coalesce(json_agg(row_to_json(e)), '[]') FROM (
            SELECT id AS stored_id, coalesce(event_id, id::text) AS id, event_type,
                CASE WHEN octet_length(data::text) <= 16384 THEN data END AS data,
                kal_iso(received_at) AS received_at
            FROM event x
            WHERE x.customer_key = i.customer_key AND x.customer_id = i.customer_id
                AND x.received_at >= i.entered_at - interval '1 day'
            ORDER BY x.received_at DESC, x.id DESC LIMIT 100) e),
    'held', (
        SELECT coalesce(json_agg(h.event -> 'stored_id'), '[]') FROM (
            SELECT event FROM held_event WHERE instance_id = i.id ORDER BY id LIMIT 1000) h)
)
FROM instance i WHERE i.id = $1::uuid;
