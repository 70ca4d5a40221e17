-- Whose flow an entry webhook belongs to, its entry_config, the tenant's settings and its id:
-- $1 flow, or the journey around it.
SELECT f.tenant_id, f.entry_config, t.settings::text, f.id
FROM flow f JOIN tenant t ON t.id = f.tenant_id
WHERE f.id = coalesce((SELECT id FROM flow WHERE id = $1::uuid),
                      (SELECT flow_id FROM journey WHERE id = $1::uuid));
