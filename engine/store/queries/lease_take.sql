-- Takes shards whose lease is free (or this very node's from before its restart): the epoch moves,
-- so whatever the old owner still sends is refused.
WITH free AS MATERIALIZED (
    SELECT shard, owner FROM shard_lease
    WHERE shard = ANY ($2::int2[])
        AND (owner IS NULL OR owner = $1::uuid OR until < clock_timestamp())
    ORDER BY shard FOR UPDATE
)
UPDATE shard_lease AS l
SET owner = $1::uuid, epoch = l.epoch + 1, until = clock_timestamp() + interval '10 s'
FROM free
WHERE l.shard = free.shard
RETURNING l.shard, l.epoch, l.seq, free.owner IS NOT DISTINCT FROM $1::uuid
