-- Moves the shard's lease to the next flush, or raises: another process has taken the shard.
WITH moved AS (
    UPDATE shard_lease SET seq = $3 + 1, journey_time = $4
    WHERE shard = $1::smallint AND epoch = $2 AND seq = $3
    RETURNING 1
)
SELECT kal_fence(count(*)) FROM moved
