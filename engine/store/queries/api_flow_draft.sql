-- A flow with its rules and its highest draft version above the active one, to be checked and
-- published: $1 id.
SELECT f.status, f.active_version, v.number, v.graph, f.entry_config, f.exit_criteria
FROM flow f LEFT JOIN LATERAL (
    SELECT number, graph FROM flow_version
    WHERE flow_id = f.id AND status = 'draft' AND number > coalesce(f.active_version, 0)
    ORDER BY number DESC LIMIT 1
) v ON true
WHERE f.id = $1::uuid;
