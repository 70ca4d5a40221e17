-- Merges settings into a tenant's, those of groups by their names; null removes: $1 id,
-- $2 settings.
UPDATE tenant SET changed_at = clock_timestamp(), settings = jsonb_strip_nulls(
    settings || $2::jsonb || coalesce((
        SELECT jsonb_object_agg(g.key, coalesce(settings -> g.key, '{}') || g.value)
        FROM jsonb_each($2::jsonb) AS g
        WHERE g.key IN ('rate_limits', 'quotas', 'code') AND jsonb_typeof(g.value) = 'object'
    ), '{}'))
WHERE id = $1::uuid;
