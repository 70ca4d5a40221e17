-- Customers of a shard whose membership of a segment differs from their enrolment, among the next
-- so many; by a schedule ($7 its instant, else null) the members whom the instant has not enrolled.
-- Who is in by an expression or a predicate is not known here: then all come whom no rule excludes,
-- and a row of the definition alone. A row of an id alone says that there may be more behind it.
-- $1 tenant, $2 segment, $3 flow, $4 entry, $5 shard, $6 id to begin behind, $8 the only customers
-- to look at, empty: all.
WITH s AS MATERIALIZED (
    SELECT id, type, expression, predicate, rules,
        CASE WHEN expression IS NULL AND predicate IS NULL THEN 1000 ELSE 200 END AS most
    FROM segment WHERE id = $2::uuid AND tenant_id = $1::uuid
), rules AS MATERIALIZED (
    SELECT r.* FROM s, kal_segment_rules(s.rules) r
), near AS MATERIALIZED (
    (SELECT c.* FROM customer c
     WHERE cardinality($8::uuid[]) = 0 AND c.tenant_id = $1::uuid AND c.id > $6::uuid
        AND (c.customer_key & 255) % (SELECT shards FROM deployment) = $5::int2
     ORDER BY c.id LIMIT coalesce((SELECT most FROM s), 0))
    UNION ALL
    SELECT c.* FROM customer c WHERE c.id = ANY ($8::uuid[]) AND c.tenant_id = $1::uuid
)
SELECT n.id, n.external_id, n.customer_key, m.enrolled, m.member,
    CASE WHEN m.member IS NULL THEN kal_customer_json(n::customer) END, NULL::json
FROM s
CROSS JOIN near n
LEFT JOIN enrolment e ON e.flow_id = $3::uuid AND e.entry = $4::text AND e.customer_uuid = n.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN $7::timestamptz IS NULL THEN e.at IS NOT NULL
            ELSE e.at IS NOT DISTINCT FROM $7::timestamptz END AS enrolled,
        CASE
        WHEN s.type = 'static' THEN EXISTS (
            SELECT FROM segment_member x WHERE x.segment_id = s.id AND x.customer_uuid = n.id)
        WHEN EXISTS (
            SELECT FROM rules r
            WHERE NOT kal_rule_holds(kal_segment_field(r.field, r.path, n.email, n.phone, n.name,
                    n.timezone, n.tags, n.properties), r.operator, r.value)) THEN false
        WHEN s.expression IS NULL AND s.predicate IS NULL THEN true
        END AS member
    OFFSET 0 -- once a customer
) m
WHERE m.member IS NULL OR (m.member <> m.enrolled AND (m.member OR $7::timestamptz IS NULL))
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL,
    json_build_object('type', type, 'expression', expression, 'predicate', predicate)
FROM s WHERE expression IS NOT NULL OR predicate IS NOT NULL
UNION ALL
(SELECT n.id, NULL, NULL, NULL, NULL, NULL, NULL FROM near n
 WHERE cardinality($8::uuid[]) = 0
 ORDER BY n.id OFFSET (SELECT most - 1 FROM s) LIMIT 1)
