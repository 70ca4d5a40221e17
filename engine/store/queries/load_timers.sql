-- The next stretch of a shard's timers.
SELECT customer_key, instance_id, seq, due_at
FROM wait
WHERE shard = $1::int2 AND due_at IS NOT NULL AND NOT paused AND due_at <= $5::timestamptz
    AND (due_at, instance_id, seq) > ($2::timestamptz, $3::uuid, $4::int4)
ORDER BY due_at, instance_id, seq
LIMIT $6::int4
