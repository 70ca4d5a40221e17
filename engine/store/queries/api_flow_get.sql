-- One flow: $1 id.
SELECT row_to_json(f) FROM (
    SELECT id, name, description, status, active_version,
        kal_veiled(entry_config) AS entry_config, exit_criteria, frequency_cap,
        kal_iso(created_at) AS created_at,
        kal_iso(updated_at) AS updated_at
    FROM flow WHERE id = $1::uuid
) f;
