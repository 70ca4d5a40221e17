-- Quotas and how much of each is used, and the limits of code, of tenants $1 or of all that have
-- any (an empty array): $2 the day of the events, counted from 1970.
SELECT t.id, q.instances, q.customers, q.events,
    (SELECT count(*) FROM flow f
        JOIN instance i ON i.flow_id = f.id AND i.status IN ('running', 'waiting', 'paused')
        WHERE f.tenant_id = t.id AND q.instances IS NOT NULL),
    (SELECT count(*) FROM customer c WHERE c.tenant_id = t.id AND q.customers IS NOT NULL),
    (SELECT coalesce(sum(u.events), 0)::int8 FROM tenant_usage u
        WHERE u.tenant_id = t.id AND u.day = $2::int4),
    coalesce(t.settings -> 'code', '{}')
FROM tenant t, LATERAL (SELECT
    (t.settings #>> '{quotas,instances}')::int8 AS instances,
    (t.settings #>> '{quotas,customers}')::int8 AS customers,
    (t.settings #>> '{quotas,events_per_day}')::int8 AS events) q
WHERE CASE WHEN cardinality($1::uuid[]) = 0 THEN t.settings ?| '{quotas,code}'
    ELSE t.id = ANY ($1::uuid[]) END;
