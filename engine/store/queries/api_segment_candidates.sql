-- Customers to be asked an expression, newest first: $1 id to begin below, $2 rows.
SELECT kal_customer_json(c), c.id::text FROM customer c
WHERE c.id < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
ORDER BY c.id DESC LIMIT $2::int4;
