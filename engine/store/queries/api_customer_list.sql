-- The tenant's customers, newest first: $1 id to begin below, $2 rows.
SELECT row_to_json(r), r.id::text FROM (
    SELECT c.id, c.external_id, c.email, c.phone, c.name, c.timezone,
        c.properties, c.tags, c.preferences,
        kal_iso(c.created_at) AS created_at,
        kal_iso(c.last_seen_at) AS last_seen_at
    FROM customer c
    WHERE c.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY c.id DESC LIMIT $2::int4
) r;
