-- Tenants' segments as nodes are to know them.
SELECT tenant_id, id, expression,
    json_build_object('type', type, 'rules', rules, 'expression', expression)
FROM segment WHERE tenant_id = ANY ($1::uuid[])
