-- Notes up to when the holder of a shard's lease has enrolled by an entry: $1 flow, $2 entry,
-- $3 shard, $4 tenant, $5 time, $6 epoch.
INSERT INTO enrolment_sweep (flow_id, entry, shard, tenant_id, at)
SELECT $1::uuid, $2::text, l.shard, $4::uuid, $5::timestamptz
FROM shard_lease l WHERE l.shard = $3::int2 AND l.epoch = $6::int8
ON CONFLICT (flow_id, entry, shard) DO UPDATE SET at = excluded.at
