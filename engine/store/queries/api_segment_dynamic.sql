-- Members of a segment by its rules among the next 10000 customers, newest first: $1 segment,
-- $2 id to begin below, $3 rows.
WITH rules AS MATERIALIZED (
    SELECT r.* FROM segment s, kal_segment_rules(s.rules) r WHERE s.id = $1::uuid
)
SELECT kal_customer_json(near.whole), near.id::text
FROM (
    SELECT c AS whole, c.* FROM customer c
    WHERE c.id < (SELECT coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY c.id DESC LIMIT 10000
) AS near
WHERE NOT EXISTS (
    SELECT FROM rules r
    WHERE NOT kal_rule_holds(kal_segment_field(r.field, r.path, near.email, near.phone, near.name,
            near.timezone, near.tags, near.properties), r.operator, r.value)
)
ORDER BY near.id DESC LIMIT $3::int4;
