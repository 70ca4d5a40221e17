-- One customer: $1 id or $2 external id, the other null.
SELECT row_to_json(r) FROM (
    SELECT c.id, c.external_id, c.email, c.phone, c.name, c.timezone,
        c.properties, c.tags, c.preferences,
        to_char(c.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
        to_char(c.last_seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS last_seen_at
    FROM customer c
    WHERE c.id = (SELECT id FROM customer WHERE id = $1::uuid
                  UNION ALL SELECT id FROM customer WHERE external_id = $2::text LIMIT 1)
) r;
