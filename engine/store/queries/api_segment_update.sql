-- Sets the fields of a segment that are given: $1 id, $2 name, $3 whether description is given,
-- $4 description, $5 rules, $6 whether the expression is given, $7 expression, $8 whether the
-- predicate is given, $9 predicate, $10 journey time.
-- Rules and an expression take each other's place.
UPDATE segment SET
    name = coalesce($2::text, name),
    description = CASE WHEN $3::bool THEN $4::text ELSE description END,
    rules = CASE WHEN $7::text IS NOT NULL THEN '[]' ELSE coalesce($5::json, rules) END,
    expression = CASE WHEN $6::bool THEN $7::text WHEN $5::json IS NULL THEN expression END,
    predicate = CASE WHEN $8::bool THEN $9::text ELSE predicate END,
    updated_at = $10::timestamptz
WHERE id = $1::uuid
RETURNING id;
