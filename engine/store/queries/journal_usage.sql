-- Counts events of tenants that have a quota of them: tenant, day, shard of each.
INSERT INTO tenant_usage AS u (tenant_id, day, shard, events)
SELECT tenant, day, shard, count(*)
FROM unnest($1::uuid[], $2::int4[], $3::int2[]) AS event (tenant, day, shard)
GROUP BY tenant, day, shard
ON CONFLICT (tenant_id, day, shard) DO UPDATE SET events = u.events + excluded.events
