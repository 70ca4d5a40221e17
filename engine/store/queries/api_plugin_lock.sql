-- One upload of a tenant's type at a time, until the transaction ends: $1 tenant, $2 type.
SELECT pg_advisory_xact_lock(hashtextextended('plugin ' || $1::uuid || ' ' || $2::text, 0));
