-- The customer of an instance, for work on its shard, and its flow and version: $1 id.
SELECT customer_id, flow_id, version FROM instance WHERE id = $1::uuid;
