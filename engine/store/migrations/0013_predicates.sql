-- A segment's predicate: Lua of the tenant's, asked besides its rules or expression.

ALTER TABLE segment ADD COLUMN predicate text;

CREATE OR REPLACE FUNCTION kal_segment_json(s segment) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT row_to_json(r) FROM (
        SELECT s.id, s.name, s.description, s.type, s.rules, s.expression, s.predicate,
            kal_iso(s.created_at) AS created_at, kal_iso(s.updated_at) AS updated_at
    ) r
$$;
