-- Notes that a tenant's code has been switched off: $1 the tenant. Its audit log shows it.
INSERT INTO code_switch (tenant_id, off_at, off_until)
VALUES ($1::uuid, clock_timestamp(), clock_timestamp() + interval '5 minutes')
ON CONFLICT (tenant_id) DO UPDATE SET off_at = excluded.off_at, off_until = excluded.off_until
