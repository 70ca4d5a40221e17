-- One customer: $1 id or $2 external id, the other null.
SELECT row_to_json(r) FROM (
    SELECT c.id, c.external_id, c.email, c.phone, c.name, c.timezone,
        c.properties, c.tags, c.preferences,
        kal_iso(c.created_at) AS created_at,
        kal_iso(c.last_seen_at) AS last_seen_at
    FROM customer c
    WHERE c.id = (SELECT id FROM customer WHERE id = $1::uuid
                  UNION ALL SELECT id FROM customer WHERE external_id = $2::text LIMIT 1)
) r;
