-- The tenant's audit log, newest first: $1 number to begin below, $2 rows, $3 action, $4 type and
-- $5 id of the object, $6 actor, $7 from and $8 before an instant.
SELECT row_to_json(a), a.id::text FROM (
    SELECT number AS id, kal_iso(at) AS at, actor, request_id, action, object_type, object_id,
        before, after, encode(previous, 'hex') AS previous, encode(hash, 'hex') AS hash
    FROM audit_log
    WHERE number < (SELECT coalesce($1::int4, 2147483647))
        AND ($3::text IS NULL OR action = $3::text)
        AND ($4::text IS NULL OR object_type = $4::text)
        AND ($5::text IS NULL OR object_id = $5::text)
        AND ($6::text IS NULL OR actor = $6::text)
        AND ($7::timestamptz IS NULL OR at >= $7::timestamptz)
        AND ($8::timestamptz IS NULL OR at < $8::timestamptz)
    ORDER BY number DESC LIMIT $2::int4
) a;
