-- Members of a segment by its rules among the next so many customers, newest first: $1 segment,
-- $2 id to begin below, $3 rows, $4 customers to look at.
WITH rules AS MATERIALIZED (
    SELECT r.* FROM segment s, kal_segment_rules(s.rules) r WHERE s.id = $1::uuid
)
SELECT kal_customer_json(near.c), near.id::text
FROM (
    SELECT c, c.id FROM customer c
    WHERE c.id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY c.id DESC LIMIT $4::int4
) AS near
WHERE NOT EXISTS (
    SELECT FROM rules r
    WHERE NOT kal_rule_holds(kal_segment_field(near.c, r.field, r.path), r.operator, r.value)
)
ORDER BY near.id DESC LIMIT $3::int4;
