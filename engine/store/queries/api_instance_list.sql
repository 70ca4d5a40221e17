-- A flow's instances, newest first: $1 flow, $2 id to begin below, $3 rows, $4 status, $5 version,
-- $6 journey time. Statuses that are rare have an index of their own.
SELECT kal_instance_json(i.*::instance, $6::timestamptz), i.id::text
FROM (
    (SELECT * FROM instance x
     WHERE x.flow_id = $1::uuid AND x.status = $4::text
         AND ($5::int4 IS NULL OR x.version = $5::int4)
         AND x.status IN ('running', 'paused', 'failed', 'exited')
         AND x.id < (SELECT coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
     ORDER BY x.id DESC LIMIT $3::int4)
    UNION ALL
    (SELECT * FROM instance x
     WHERE x.flow_id = $1::uuid AND ($5::int4 IS NULL OR x.version = $5::int4)
         AND coalesce($4::text NOT IN ('running', 'paused', 'failed', 'exited'), true)
         AND ($4::text IS NULL OR x.status = $4::text)
         AND x.id < (SELECT coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
     ORDER BY x.id DESC LIMIT $3::int4)
) i
ORDER BY i.id DESC LIMIT $3::int4;
