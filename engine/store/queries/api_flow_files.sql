-- The tenant's flows as files hold them, in order of creation, but for archived ones; with the
-- number of the last version: $1 id to begin above, $2 rows.
SELECT f.id, f.status, row_to_json(r), coalesce((
    SELECT max(number) FROM flow_version WHERE flow_id = f.id
), 0)
FROM flow f
LEFT JOIN flow_version v
    ON v.flow_id = f.id AND v.number = kal_flow_newest(f.id, f.active_version),
LATERAL (
    SELECT f.name, f.description, f.entry_config, f.exit_criteria, f.frequency_cap, v.graph
) r
WHERE f.id > $1::uuid AND f.status <> 'archived'
ORDER BY f.id LIMIT $2::int4;
