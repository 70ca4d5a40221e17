-- Code that versions were published with, so that their instances walk by it when the plugin has
-- changed or is gone. A row is known by its content, whoever's it is; it never changes.
CREATE TABLE artefact (
    hash text COLLATE "C" PRIMARY KEY
        CHECK (hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')),
    content text NOT NULL, -- {"files": {path: text}}
    created_at timestamptz NOT NULL
);

ALTER TABLE flow_version ADD plugins json NOT NULL DEFAULT '{}'; -- {node type: hash}

-- The API's role writes them, and sees those of its tenant's versions.
GRANT INSERT ON artefact TO kalcifer_api;
ALTER TABLE artefact ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON artefact TO kalcifer_api
    USING (EXISTS (SELECT FROM flow_version v, json_each_text(v.plugins) p
        WHERE v.tenant_id = nullif(current_setting('app.tenant', true), '')::uuid
            AND p.value = hash))
    WITH CHECK (nullif(current_setting('app.tenant', true), '') IS NOT NULL);
