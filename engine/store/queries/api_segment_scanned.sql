-- The last of the next so many customers, if there are so many: $1 id to begin below, $2 customers.
SELECT c.id::text FROM customer c
WHERE c.id < (SELECT coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
ORDER BY c.id DESC OFFSET $2::int4 - 1 LIMIT 1;
