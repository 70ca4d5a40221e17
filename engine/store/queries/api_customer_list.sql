-- The tenant's customers, newest first: $1 id to begin below, $2 rows, $3 external id, $4 email,
-- $5 tag. The most telling of what is given finds them, by an index of its own.
SELECT row_to_json(r), r.id::text FROM (
    SELECT c.id, c.external_id, c.email, c.phone, c.name, c.timezone,
        c.properties, c.tags, c.preferences,
        kal_iso(c.created_at) AS created_at,
        kal_iso(c.last_seen_at) AS last_seen_at
    FROM (
        (SELECT * FROM customer x
         WHERE $3::text IS NULL AND $4::text IS NULL AND $5::text IS NULL
             AND x.id < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
         ORDER BY x.id DESC LIMIT $2::int4)
        UNION ALL
        (SELECT * FROM customer x
         WHERE x.external_id = $3::text AND ($4::text IS NULL OR x.email = $4::text)
             AND ($5::text IS NULL OR EXISTS (
                 SELECT FROM customer_tag t WHERE t.tag = $5::text AND t.customer_uuid = x.id))
             AND x.id < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
         LIMIT 1)
        UNION ALL
        (SELECT * FROM customer x
         WHERE $3::text IS NULL AND x.email = $4::text
             AND ($5::text IS NULL OR EXISTS (
                 SELECT FROM customer_tag t WHERE t.tag = $5::text AND t.customer_uuid = x.id))
             AND x.id < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
         ORDER BY x.id DESC LIMIT $2::int4)
        UNION ALL
        (SELECT x.* FROM (
            SELECT customer_uuid FROM customer_tag
            WHERE $3::text IS NULL AND $4::text IS NULL AND tag = $5::text AND customer_uuid
                < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
            ORDER BY customer_uuid DESC LIMIT $2::int4
        ) t CROSS JOIN LATERAL (SELECT * FROM customer WHERE id = t.customer_uuid LIMIT 1) x)
    ) c
    ORDER BY c.id DESC LIMIT $2::int4
) r;
