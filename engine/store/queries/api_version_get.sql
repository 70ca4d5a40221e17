-- One version: $1 flow, $2 number.
SELECT row_to_json(v) FROM (
    SELECT number, flow_id, graph, status, changelog, node_mapping, migration_strategy,
        migration_config, node_types, published_by,
        to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
        to_char(published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS published_at
    FROM flow_version WHERE flow_id = $1::uuid AND number = $2::int4
) v;
