-- One tenant without its secrets: $1 id.
SELECT row_to_json(t) FROM (
    SELECT id, name, settings, has_jwt_secret, kal_iso(created_at) AS created_at
    FROM tenant WHERE id = $1::uuid
) t;
