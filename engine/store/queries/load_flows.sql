-- A tenant's flows as the engine needs them, with the active version's graph, plugins and artefacts
-- as in load_versions.sql: $2 hashes that are known.
SELECT f.tenant_id, f.id, f.status, f.active_version, f.entry_config, f.exit_criteria, f.paused_ms,
    v.graph, f.paused_at, f.frequency_cap, v.plugins,
    (SELECT json_object_agg(a.hash, a.content) FROM json_each_text(v.plugins) p
     JOIN artefact a ON a.hash = p.value AND a.hash <> ALL ($2::text[]))
FROM flow f
LEFT JOIN flow_version v
    ON v.flow_id = f.id AND v.number = f.active_version AND f.status = 'active'
WHERE f.tenant_id = ANY ($1::uuid[])
