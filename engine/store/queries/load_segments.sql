-- Tenants' segments as nodes are to know them.
SELECT tenant_id, id, concat_ws(' ', expression, predicate),
    json_build_object('type', type, 'rules', rules, 'expression', expression,
        'predicate', predicate)
FROM segment WHERE tenant_id = ANY ($1::uuid[])
