-- A copy of a flow as a draft: $1 flow, $2 the copy's id, $3 journey time.
INSERT INTO flow (id, tenant_id, name, description, entry_config, exit_criteria, frequency_cap,
                  created_at, updated_at)
SELECT $2::uuid, tenant_id, kal_copy_name(name), description, entry_config, exit_criteria,
    frequency_cap, $3::timestamptz, $3::timestamptz
FROM flow WHERE id = $1::uuid
RETURNING id;
