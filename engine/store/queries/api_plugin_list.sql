-- The tenant's types, each by its newest upload, newest first: $1 id to begin below, $2 rows.
SELECT kal_plugin_json(p), p.id::text FROM plugin p
WHERE p.id < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')) AND NOT EXISTS (
    SELECT FROM plugin q WHERE q.type = p.type AND q.number > p.number)
ORDER BY p.id DESC LIMIT $2::int4;
