-- How many rows the audit log has: of tenant $1, or of all.
SELECT count(*) FROM audit_log WHERE $1::uuid IS NULL OR tenant_id = $1::uuid;
