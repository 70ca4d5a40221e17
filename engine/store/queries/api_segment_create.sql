-- A new segment: $1 id, $2 tenant, $3 name, $4 description, $5 type, $6 rules, $7 expression,
-- $8 predicate, $9 journey time.
INSERT INTO segment (id, tenant_id, name, description, type, rules, expression, predicate,
    created_at, updated_at)
VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, coalesce($6::json, '[]'), $7::text,
    $8::text, $9::timestamptz, $9::timestamptz);
