-- Whose flow an entry webhook belongs to, its entry_config and the tenant's settings: $1 flow.
SELECT f.tenant_id, f.entry_config, t.settings::text
FROM flow f JOIN tenant t ON t.id = f.tenant_id
WHERE f.id = $1::uuid;
