-- A flow's versions by number: $1 flow, $2 number to begin above, $3 rows.
SELECT row_to_json(v), v.number::text FROM (
    SELECT number, flow_id, graph, status, changelog, node_mapping, migration_strategy,
        migration_config, node_types, plugins, published_by,
        kal_iso(created_at) AS created_at,
        kal_iso(published_at) AS published_at
    FROM flow_version
    WHERE flow_id = $1::uuid AND number > (SELECT coalesce($2::int4, 0))
    ORDER BY flow_version.number LIMIT $3::int4
) v;
