-- The tenants, two at most: whether there is one alone.
SELECT id FROM tenant LIMIT 2;
