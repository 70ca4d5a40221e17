-- The tenant's segments as files hold them, in order of creation: $1 id to begin above, $2 rows.
-- They can always be changed, as drafts can; who is in a static one is not in files.
SELECT s.id, 'draft', row_to_json(r), 0
FROM segment s, LATERAL (
    SELECT s.name, s.description, s.type, s.rules, s.expression, s.predicate
) r
WHERE s.id > $1::uuid
ORDER BY s.id LIMIT $2::int4;
