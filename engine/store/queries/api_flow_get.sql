-- One flow: $1 id.
SELECT row_to_json(f) FROM (
    SELECT id, name, description, status, active_version,
        entry_config, exit_criteria, frequency_cap,
        to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
        to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS updated_at
    FROM flow WHERE id = $1::uuid
) f;
