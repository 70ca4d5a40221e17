-- The last of the next so many customers, if there are so many: $1 id to begin below, $2 customers.
SELECT c.id::text FROM customer c
WHERE c.id < CASE WHEN $1::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'
        ELSE $1::uuid END
ORDER BY c.id DESC OFFSET $2::int4 - 1 LIMIT 1;
