-- Lets a shard go at the end of a clean stop.
UPDATE shard_lease SET until = '-infinity'
WHERE shard = $1::int2 AND owner = $2::uuid AND epoch = $3::int8
