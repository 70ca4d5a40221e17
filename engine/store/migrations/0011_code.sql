-- When a tenant's code was switched off last, for having had to be killed too often: an entry of
-- the audit log each time.
CREATE TABLE code_switch (
    tenant_id uuid PRIMARY KEY REFERENCES tenant ON DELETE CASCADE,
    off_at timestamptz NOT NULL,
    off_until timestamptz NOT NULL
);
SELECT kal_audited('code_switch', 'code_switch', '{tenant_id}', '{tenant_id}', '{}');
