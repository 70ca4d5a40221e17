-- A flow's version with the highest number: $1 flow.
SELECT row_to_json(v) FROM (
    SELECT number, flow_id, graph, status, changelog, node_mapping, migration_strategy,
        migration_config, node_types, plugins, published_by,
        kal_iso(created_at) AS created_at,
        kal_iso(published_at) AS published_at
    FROM flow_version WHERE flow_id = $1::uuid ORDER BY number DESC LIMIT 1
) v;
