-- A new draft version with the next number: $1 flow, $2 graph, $3 changelog, $4 node_mapping,
-- $5 journey time.
INSERT INTO flow_version (flow_id, number, tenant_id, graph, changelog, node_mapping, created_at)
SELECT f.id, coalesce(max(v.number), 0) + 1, f.tenant_id, $2::json, $3::text,
    coalesce($4::json, '{}'), $5::timestamptz
FROM flow f LEFT JOIN flow_version v ON v.flow_id = f.id
WHERE f.id = $1::uuid
GROUP BY f.id;
