-- The next upload of a tenant's type, unless its code is that of the one before: $1 id, $2 tenant,
-- $3 type, $4 its code, $5 journey time.
WITH code AS (
    SELECT encode(sha256(convert_to($4::text, 'UTF8')), 'hex') AS hash
), kept AS (
    INSERT INTO artefact (hash, content, created_at)
    SELECT hash, $4::text, $5::timestamptz FROM code
    ON CONFLICT DO NOTHING
), newest AS (
    SELECT number, hash FROM plugin WHERE type = $3::text ORDER BY number DESC LIMIT 1
)
INSERT INTO plugin (id, tenant_id, type, number, hash, created_at)
SELECT $1::uuid, $2::uuid, $3::text, coalesce((SELECT number FROM newest), 0) + 1, hash,
    $5::timestamptz
FROM code
WHERE hash IS DISTINCT FROM (SELECT hash FROM newest);
