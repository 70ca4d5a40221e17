-- The customer of an instance, for work on its shard: $1 id.
SELECT customer_id FROM instance WHERE id = $1::uuid;
