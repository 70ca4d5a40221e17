-- What decides who is in a segment: $1 id. The definition has what kal.segment reads.
SELECT s.type, s.expression,
    json_build_object('type', s.type, 'rules', s.rules, 'expression', s.expression), s.predicate
FROM segment s WHERE s.id = $1::uuid;
