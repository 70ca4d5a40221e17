-- Merges settings into a tenant's, rate limits and quotas by their names; null removes: $1 id,
-- $2 settings.
UPDATE tenant SET changed_at = clock_timestamp(), settings = jsonb_strip_nulls(
    settings || $2::jsonb
    || CASE WHEN jsonb_typeof($2::jsonb -> 'rate_limits') = 'object' THEN jsonb_build_object(
        'rate_limits', coalesce(settings -> 'rate_limits', '{}') || ($2::jsonb -> 'rate_limits'))
        ELSE '{}' END
    || CASE WHEN jsonb_typeof($2::jsonb -> 'quotas') = 'object' THEN jsonb_build_object(
        'quotas', coalesce(settings -> 'quotas', '{}') || ($2::jsonb -> 'quotas'))
        ELSE '{}' END)
WHERE id = $1::uuid;
