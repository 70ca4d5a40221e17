-- Tenants whose keys, settings or segments have changed in the last so many milliseconds, and
-- whether segments may be among that: $1 milliseconds.
SELECT tenant_id, 0 FROM api_key
WHERE changed_at > clock_timestamp() - $1::bigint * interval '1 ms'
UNION
SELECT t.id, EXISTS (SELECT FROM segment s WHERE s.tenant_id = t.id)::int FROM tenant t
WHERE t.changed_at > clock_timestamp() - $1::bigint * interval '1 ms'
