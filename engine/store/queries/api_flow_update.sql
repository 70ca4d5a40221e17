-- Sets the fields of a draft flow that are given: $1 id, $2 name, $3 whether description is given,
-- $4 description, $5 entry_config, $6 exit_criteria, $7 frequency_cap, $8 journey time.
UPDATE flow SET
    name = coalesce($2::text, name),
    description = CASE WHEN $3::bool THEN $4::text ELSE description END,
    entry_config = coalesce(kal_unveiled($5::json, entry_config), entry_config),
    exit_criteria = coalesce($6::json, exit_criteria),
    frequency_cap = coalesce($7::json, frequency_cap),
    updated_at = $8::timestamptz
WHERE id = $1::uuid AND status = 'draft'
RETURNING id;
