-- Segments, who is in the static ones, and who has entered flows by them.

CREATE TABLE segment (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    name text COLLATE "C" NOT NULL,
    description text,
    type text NOT NULL CHECK (type IN ('static', 'dynamic')),
    rules json NOT NULL DEFAULT '[]',
    expression text, -- instead of rules
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, name)
);
CREATE INDEX segment_list ON segment (tenant_id, id);

CREATE TABLE segment_member (
    segment_id uuid NOT NULL REFERENCES segment ON DELETE CASCADE,
    customer_uuid uuid NOT NULL REFERENCES customer ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    customer_key bigint NOT NULL,
    customer_id text COLLATE "C" NOT NULL, -- the external id
    PRIMARY KEY (segment_id, customer_uuid)
);
CREATE INDEX segment_member_customer ON segment_member (customer_key, segment_id);
CREATE INDEX segment_member_uuid ON segment_member (customer_uuid);

-- That a customer has entered a flow by an entry: "segment:<id>" while the membership lasts (at:
-- since when it is known), "schedule:<node id>" for good (at: the last instant).
CREATE TABLE enrolment (
    flow_id uuid NOT NULL,
    entry text COLLATE "C" NOT NULL,
    customer_uuid uuid NOT NULL,
    tenant_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (flow_id, entry, customer_uuid)
);

-- Up to when a shard has enrolled by an entry.
CREATE TABLE enrolment_sweep (
    flow_id uuid NOT NULL REFERENCES flow ON DELETE CASCADE,
    entry text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    tenant_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (flow_id, entry, shard)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON segment, segment_member TO kalcifer_api;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['segment', 'segment_member', 'enrolment', 'enrolment_sweep'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %I TO kalcifer_api USING '
            '(tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', t);
    END LOOP;
END $$;

-- A segment as the API shows it.
CREATE FUNCTION kal_segment_json(s segment) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT row_to_json(r) FROM (
        SELECT s.id, s.name, s.description, s.type, s.rules, s.expression,
            kal_iso(s.created_at) AS created_at, kal_iso(s.updated_at) AS updated_at
    ) r
$$;

-- A customer as the API shows it.
CREATE FUNCTION kal_customer_json(c customer) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT row_to_json(r) FROM (
        SELECT c.id, c.external_id, c.email, c.phone, c.name, c.timezone, c.properties, c.tags,
            c.preferences, kal_iso(c.created_at) AS created_at,
            kal_iso(c.last_seen_at) AS last_seen_at
    ) r
$$;

-- ---- rules, as kal.segment reads them in Lua ----

-- Numbers as JSON writes them. Equal are equal doubles; two integers, or one beside a double, are
-- compared exactly where doubles only resemble them (from 2^53 on).
CREATE FUNCTION kal_number_equal(a text, b text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    x float8 := a;
    y float8 := b;
    whole_a boolean;
    whole_b boolean;
BEGIN
    IF x <> y OR abs(x) < 9007199254740992 THEN
        RETURN x = y;
    END IF;
    whole_a := a ~ '^-?[0-9]+$';
    whole_b := b ~ '^-?[0-9]+$';
    IF NOT whole_a AND NOT whole_b THEN
        RETURN true;
    ELSIF whole_a AND whole_b THEN
        RETURN a::numeric = b::numeric;
    ELSIF whole_a THEN
        RETURN abs(y) < 9223372036854775808 AND a::int8 = y::int8;
    END IF;
    RETURN abs(x) < 9223372036854775808 AND b::int8 = x::int8;
END $$;

-- Deep equality; what is missing is null, in objects too.
CREATE FUNCTION kal_json_equal(a json, b json) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    kind text := coalesce(json_typeof(a), 'null');
BEGIN
    IF kind <> coalesce(json_typeof(b), 'null') THEN
        RETURN false;
    END IF;
    CASE kind
    WHEN 'null' THEN
        RETURN true;
    WHEN 'number' THEN
        RETURN kal_number_equal(a #>> '{}', b #>> '{}');
    WHEN 'array' THEN
        RETURN json_array_length(a) = json_array_length(b) AND NOT EXISTS (
            SELECT FROM ROWS FROM (json_array_elements(a), json_array_elements(b)) AS m (x, y)
            WHERE NOT kal_json_equal(x, y));
    WHEN 'object' THEN
        RETURN NOT EXISTS (
            SELECT FROM json_each(a) x FULL JOIN json_each(b) y USING (key)
            WHERE NOT kal_json_equal(x.value, y.value));
    ELSE
        RETURN (a #>> '{}') COLLATE "C" = (b #>> '{}') COLLATE "C";
    END CASE;
END $$;

-- A list has an equal member, a text has the text in it, an object has the key.
CREATE FUNCTION kal_json_contains(whole json, part json) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    is_text boolean := coalesce(json_typeof(part) = 'string', false);
BEGIN
    CASE json_typeof(whole)
    WHEN 'string' THEN
        RETURN is_text AND strpos(whole #>> '{}', part #>> '{}') > 0;
    WHEN 'object' THEN
        RETURN is_text AND coalesce(json_typeof(whole -> (part #>> '{}')), 'null') <> 'null';
    WHEN 'array' THEN
        RETURN EXISTS (SELECT FROM json_array_elements(whole) m WHERE kal_json_equal(m, part));
    ELSE
        RETURN false;
    END CASE;
END $$;

-- Two numbers, or two texts byte by byte, are in order: -1, 0 or 1; anything else: null.
CREATE FUNCTION kal_json_order(a json, b json) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    kind text := json_typeof(a);
    x text;
    y text;
BEGIN
    IF kind IS DISTINCT FROM json_typeof(b) OR kind NOT IN ('number', 'string') THEN
        RETURN NULL;
    END IF;
    x := a #>> '{}';
    y := b #>> '{}';
    IF kind = 'number' THEN
        RETURN CASE WHEN x::float8 < y::float8 THEN -1 WHEN x::float8 > y::float8 THEN 1
            ELSE 0 END;
    END IF;
    RETURN CASE WHEN x COLLATE "C" < y COLLATE "C" THEN -1 WHEN x COLLATE "C" > y COLLATE "C" THEN 1
        ELSE 0 END;
END $$;

-- The operators of kal.compare; never null.
CREATE FUNCTION kal_rule_holds(actual json, operator text, expected json) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    CASE operator
    WHEN 'eq' THEN RETURN kal_json_equal(actual, expected);
    WHEN 'neq' THEN RETURN NOT kal_json_equal(actual, expected);
    WHEN 'gt' THEN RETURN coalesce(kal_json_order(actual, expected) > 0, false);
    WHEN 'gte' THEN RETURN coalesce(kal_json_order(actual, expected) >= 0, false);
    WHEN 'lt' THEN RETURN coalesce(kal_json_order(actual, expected) < 0, false);
    WHEN 'lte' THEN RETURN coalesce(kal_json_order(actual, expected) <= 0, false);
    WHEN 'contains' THEN RETURN kal_json_contains(actual, expected);
    WHEN 'in' THEN RETURN kal_json_contains(expected, actual);
    WHEN 'not_in' THEN RETURN NOT kal_json_contains(expected, actual);
    WHEN 'exists' THEN RETURN coalesce(json_typeof(actual), 'null') <> 'null';
    END CASE;
END $$;

-- A segment's rules as rows, made once for all customers that are asked about.
CREATE FUNCTION kal_segment_rules(rules json)
RETURNS TABLE (field text, path text[], operator text, value json)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT r ->> 'field', string_to_array(r ->> 'field', '.'), r ->> 'operator', r -> 'value'
    FROM json_array_elements(rules) r
$$;

-- What a rule's field is of a customer's columns. In sql, which goes into the query that asks.
CREATE FUNCTION kal_segment_field(field text, path text[], email text, phone text, name text,
    timezone text, tags json, properties json)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE field
        WHEN 'email' THEN to_json(email)
        WHEN 'phone' THEN to_json(phone)
        WHEN 'name' THEN to_json(name)
        WHEN 'timezone' THEN to_json(timezone)
        WHEN 'tags' THEN tags
        ELSE properties #> path
    END
$$;
