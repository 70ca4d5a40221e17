-- Node types of a tenant's own: each upload is a row, whose code (an artefact) never changes. The
-- newest of a type holds for versions that are published from then on.
CREATE TABLE plugin (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    type text COLLATE "C" NOT NULL,
    number int NOT NULL,
    hash text COLLATE "C" NOT NULL REFERENCES artefact,
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, type, number)
);
CREATE INDEX plugin_newest ON plugin (tenant_id, id DESC);
CREATE INDEX plugin_hash ON plugin (hash);
SELECT kal_audited('plugin', 'plugin', '{type,number}', '{id,tenant_id}', '{}');

GRANT SELECT, INSERT, DELETE ON plugin TO kalcifer_api;
GRANT SELECT ON artefact TO kalcifer_api;
ALTER TABLE plugin ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON plugin TO kalcifer_api
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

-- The API's role sees the code of its tenant's plugins too, by their rows, which it sees alone.
CREATE POLICY plugin ON artefact FOR SELECT TO kalcifer_api
    USING (EXISTS (SELECT FROM plugin p WHERE p.hash = artefact.hash));

CREATE FUNCTION kal_plugin_json(p plugin) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', p.id, 'type', p.type, 'number', p.number, 'hash', p.hash,
        'version', d ->> 'version', 'category', d ->> 'category', 'summary', d ->> 'summary',
        'config', d -> 'config', 'branches', d -> 'branches',
        'source', a.content::json ->> 'source', 'created_at', kal_iso(p.created_at))
    FROM artefact a, LATERAL (SELECT a.content::json -> 'plugin' AS d) AS x
    WHERE a.hash = p.hash
$$;
