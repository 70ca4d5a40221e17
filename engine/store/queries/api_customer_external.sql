-- A customer's external id, for work on its shard: $1 id.
SELECT external_id FROM customer WHERE id = $1::uuid;
