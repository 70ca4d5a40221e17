-- The newest graph of a flow as the first draft version of its copy: $1 flow, $2 the copy, $3
-- journey time.
INSERT INTO flow_version (flow_id, number, tenant_id, graph, created_at)
SELECT $2::uuid, 1, v.tenant_id, v.graph, $3::timestamptz
FROM flow f JOIN flow_version v
    ON v.flow_id = f.id AND v.number = kal_flow_newest(f.id, f.active_version)
WHERE f.id = $1::uuid;
