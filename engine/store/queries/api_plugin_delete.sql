-- Deletes a tenant's type that no flow uses, all uploads of it: $1 type. A flow uses it when it is
-- active or paused and its active version, or one that instances walk, has a node of it.
DELETE FROM plugin p
WHERE p.type = $1::text AND NOT EXISTS (
    SELECT FROM flow f
    JOIN flow_version v ON v.flow_id = f.id AND v.plugins ->> $1::text IS NOT NULL
    WHERE f.status IN ('active', 'paused') AND (v.number = f.active_version OR EXISTS (
        SELECT FROM instance i
        WHERE i.flow_id = f.id AND i.version = v.number
            AND i.status IN ('running', 'waiting', 'paused')))
)
RETURNING p.type;
