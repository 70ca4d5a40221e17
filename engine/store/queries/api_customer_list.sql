-- The tenant's customers, newest first: $1 id to begin below, $2 rows.
SELECT row_to_json(r), r.id::text FROM (
    SELECT c.id, c.external_id, c.email, c.phone, c.name, c.timezone,
        c.properties, c.tags, c.preferences,
        to_char(c.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
        to_char(c.last_seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS last_seen_at
    FROM customer c
    WHERE c.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY c.id DESC LIMIT $2::int4
) r;
