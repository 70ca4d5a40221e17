-- A flow with its rules and its highest draft version above the active one, to be checked and
-- published, and the tenant's own types of that version as they are now, {type: {hash, artefact}}:
-- $1 id.
SELECT f.status, f.active_version, v.number, v.graph, f.entry_config, f.exit_criteria, (
    SELECT json_object_agg(p.type, json_build_object('hash', p.hash, 'artefact', a.content))
    FROM plugin p JOIN artefact a ON a.hash = p.hash
    WHERE p.type IN (
        SELECT node ->> 'type' FROM json_array_elements(
            CASE json_typeof(v.graph -> 'nodes') WHEN 'array' THEN v.graph -> 'nodes' ELSE '[]' END
        ) AS node WHERE json_typeof(node) = 'object'
    ) AND NOT EXISTS (SELECT FROM plugin q WHERE q.type = p.type AND q.number > p.number)
)
FROM flow f LEFT JOIN LATERAL (
    SELECT number, graph FROM flow_version
    WHERE flow_id = f.id AND status = 'draft' AND number > coalesce(f.active_version, 0)
    ORDER BY number DESC LIMIT 1
) v ON true
WHERE f.id = $1::uuid;
