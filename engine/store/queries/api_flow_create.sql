-- A new draft flow: $1 id, $2 tenant, $3 name, $4 description, $5 entry_config, $6 exit_criteria,
-- $7 frequency_cap, $8 journey time.
INSERT INTO flow (id, tenant_id, name, description, entry_config, exit_criteria, frequency_cap,
                  created_at, updated_at)
VALUES ($1::uuid, $2::uuid, $3::text, $4::text, coalesce($5::json, '{}'), coalesce($6::json, '{}'),
        coalesce($7::json, '{}'), $8::timestamptz, $8::timestamptz);
