-- Renews this node's leases and shows all: shard, whether they are this node's, whether free.
WITH renewed AS (
    UPDATE shard_lease SET until = clock_timestamp() + interval '10 s'
    WHERE owner = $1::uuid AND until > '-infinity'
    RETURNING shard
)
SELECT l.shard, l.shard IN (SELECT shard FROM renewed),
    l.owner IS NULL OR l.owner = $1::uuid OR l.until < clock_timestamp()
FROM shard_lease l
ORDER BY l.shard
