-- Deletes a segment that no flow uses: $1 id. A flow uses it when it is active or paused and a node
-- of its active version, or of one that instances walk, names it.
DELETE FROM segment s
WHERE s.id = $1::uuid AND NOT EXISTS (
    SELECT FROM flow f
    JOIN flow_version v ON v.flow_id = f.id AND v.status <> 'draft'
    CROSS JOIN LATERAL json_array_elements(
        CASE json_typeof(v.graph -> 'nodes') WHEN 'array' THEN v.graph -> 'nodes' ELSE '[]' END
    ) AS node
    WHERE f.status IN ('active', 'paused')
        AND lower(node -> 'config' ->> 'segment_id') = s.id::text
        AND (v.number = f.active_version OR EXISTS (
            SELECT FROM instance i
            WHERE i.flow_id = f.id AND i.version = v.number
                AND i.status IN ('running', 'waiting', 'paused')))
)
RETURNING s.id;
