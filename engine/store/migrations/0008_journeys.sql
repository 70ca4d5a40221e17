-- Journeys: the marketing wrapper around one flow, and what copying and exporting flows read.

-- A journey has no status of its own: it shows its flow's, so both move in one change whoever
-- moves the flow. Only one that was made around a flow which ran already is a draft until its
-- launch, and then follows.
CREATE TABLE journey (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    flow_id uuid NOT NULL UNIQUE REFERENCES flow, -- which is not deleted under it
    follows boolean NOT NULL,
    name text NOT NULL,
    description text,
    goal_config json NOT NULL DEFAULT '{}',
    schedule json NOT NULL DEFAULT '{}',
    audience_criteria json NOT NULL DEFAULT '{}',
    tags json NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX journey_tenant ON journey (tenant_id, id);

GRANT SELECT, INSERT, UPDATE, DELETE ON journey TO kalcifer_api;
ALTER TABLE journey ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON journey TO kalcifer_api USING
    (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

CREATE FUNCTION kal_journey_status(follows boolean, flow_status text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN follows OR flow_status = 'archived' THEN flow_status ELSE 'draft' END
$$;

-- Null for no tag.
CREATE FUNCTION kal_has_tag(tags json, tag text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT EXISTS (SELECT FROM json_array_elements_text(tags) t (tag) WHERE t.tag = $2)
$$;

-- The version that says what a flow is to be: the newest draft above the active one, else the
-- active one, else the last.
CREATE FUNCTION kal_flow_newest(flow uuid, active integer) RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT number FROM flow_version WHERE flow_id = flow
    ORDER BY status = 'draft' AND number > coalesce(active, 0) DESC,
        number IS NOT DISTINCT FROM active DESC, number DESC
    LIMIT 1
$$;

-- The name of a copy, of at most 255 bytes.
CREATE FUNCTION kal_copy_name(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN octet_length(name) <= 248 THEN name ELSE left(name, 62) END || ' (copy)'
$$;
