-- The newest upload of a tenant's type: $1 type.
SELECT kal_plugin_json(p) FROM plugin p WHERE p.type = $1::text ORDER BY p.number DESC LIMIT 1;
