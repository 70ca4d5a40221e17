-- Tenants whose keys or settings have changed since the last poll.
SELECT tenant_id FROM api_key WHERE revoked_at > clock_timestamp() - interval '10 s'
UNION
SELECT id FROM tenant WHERE changed_at > clock_timestamp() - interval '10 s'
