-- The tenant's flows, newest first: $1 id to begin below, $2 rows, $3 status.
SELECT row_to_json(f), f.id::text FROM (
    SELECT id, name, description, status, active_version,
        kal_veiled(entry_config) AS entry_config, exit_criteria, frequency_cap,
        kal_iso(created_at) AS created_at,
        kal_iso(updated_at) AS updated_at
    FROM flow
    WHERE id < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        AND ($3::text IS NULL OR status = $3::text)
    ORDER BY id DESC LIMIT $2::int4
) f;
