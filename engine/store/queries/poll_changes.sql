-- Tenants whose keys or settings have changed in the last so many milliseconds.
SELECT tenant_id FROM api_key WHERE changed_at > clock_timestamp() - $1::bigint * interval '1 ms'
UNION
SELECT id FROM tenant WHERE changed_at > clock_timestamp() - $1::bigint * interval '1 ms'
