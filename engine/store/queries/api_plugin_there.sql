-- Raises KL002 when one of the tenant's types has been deleted since it was read: $1 types.
SELECT kal_expect((SELECT count(DISTINCT type) FROM plugin WHERE type = ANY ($1::text[])),
    cardinality($1::text[]), 'a plugin of the graph has been deleted');
