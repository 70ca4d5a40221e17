-- The tenant's types, each by its newest upload, by name.
SELECT p.type, kal_plugin_json(p) FROM plugin p
WHERE NOT EXISTS (SELECT FROM plugin q WHERE q.type = p.type AND q.number > p.number)
ORDER BY p.type LIMIT 1000;
