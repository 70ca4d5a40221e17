-- Nobody else uploads, deletes or publishes these types of a tenant until the transaction ends:
-- $1 tenant, $2 types.
SELECT pg_advisory_xact_lock(hashtextextended('plugin ' || $1::uuid || ' ' || t.type, 0))
FROM (SELECT DISTINCT type FROM unnest($2::text[]) AS type ORDER BY type) AS t;
