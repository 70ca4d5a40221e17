-- Who may do what, and who did it: keys with their uses, tokens, tenants as they see themselves,
-- the audit log.

-- Real time, to the minute; and when the server last changed what a process may have cached.
ALTER TABLE api_key ADD last_used_at timestamptz, ADD changed_at timestamptz;
DROP INDEX api_key_revoked;
CREATE INDEX api_key_changed ON api_key (changed_at) WHERE changed_at IS NOT NULL;
CREATE INDEX api_key_list ON api_key (tenant_id, id);

ALTER TABLE tenant ADD jwt_secret text;
ALTER TABLE tenant ADD has_jwt_secret boolean GENERATED ALWAYS AS (jwt_secret IS NOT NULL) STORED;

-- The API's role sees neither a key's hash nor a secret, and cannot give a key to another tenant.
GRANT SELECT (id, tenant_id, name, role, created_at, expires_at, revoked_at, last_used_at),
    INSERT (id, tenant_id, hash, name, role, created_at, expires_at),
    UPDATE (name, role, expires_at, revoked_at, changed_at) ON api_key TO kalcifer_api;
GRANT SELECT (id, name, settings, created_at, has_jwt_secret),
    UPDATE (settings, jwt_secret, changed_at) ON tenant TO kalcifer_api;
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_key TO kalcifer_api
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY tenant ON tenant TO kalcifer_api
    USING (id = nullif(current_setting('app.tenant', true), '')::uuid);

-- Events of tenants that have a quota of them, by day (from 1970, journey time) and shard.
CREATE TABLE tenant_usage (
    tenant_id uuid NOT NULL,
    day integer NOT NULL,
    shard smallint NOT NULL,
    events bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, shard)
) WITH (fillfactor = 50);

-- Each change of configuration, in the transaction of the change. A tenant's rows are a chain:
-- hash covers the row and the hash before it. The head tells where the chain ends, so that its
-- last rows cannot go unnoticed either.
CREATE TABLE audit_log (
    tenant_id uuid NOT NULL,
    number integer NOT NULL,
    at timestamptz NOT NULL,
    actor text COLLATE "C" NOT NULL,
    request_id text,
    action text COLLATE "C" NOT NULL,
    object_type text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    before json, -- of an update, the members that changed
    after json,
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, number)
);
CREATE INDEX audit_object ON audit_log (tenant_id, object_type, object_id, number);

CREATE TABLE audit_head (
    tenant_id uuid PRIMARY KEY,
    number integer NOT NULL,
    hash bytea NOT NULL
);

CREATE FUNCTION kal_audit_hash(a audit_log) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(a.previous || convert_to(json_build_array(a.tenant_id, a.number,
        to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.actor, a.request_id,
        a.action, a.object_type, a.object_id, a.before, a.after)::text, 'UTF8'))
$$;

CREATE FUNCTION kal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION kal_append_only();

-- A flow's entry_config as people see it: its secret is stars.
CREATE FUNCTION kal_veiled(config json) RETURNS json LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN config ->> 'webhook_secret' IS NULL THEN config ELSE (
        SELECT json_object_agg(key, CASE key WHEN 'webhook_secret' THEN '"***"'::json ELSE value END)
        FROM json_each(config)
    ) END
$$;

-- What comes back with the stars in it keeps the secret that it has.
CREATE FUNCTION kal_unveiled(given json, kept json) RETURNS json LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN given ->> 'webhook_secret' IS DISTINCT FROM '***' THEN given ELSE (
        SELECT json_object_agg(key, CASE key WHEN 'webhook_secret' THEN kept -> key ELSE value END)
        FROM json_each(given)
    ) END
$$;

-- A row's members without `ignored`; secrets are stars, what is large is its size and hash. With
-- `other`, those that differ from it.
CREATE FUNCTION kal_audit_image(image json, other json, ignored text[], secrets text[])
RETURNS json LANGUAGE sql IMMUTABLE AS $$
    SELECT json_object_agg(key, CASE
        WHEN json_typeof(value) <> 'null' AND key = ANY (secrets) THEN '"***"'::json
        WHEN key = 'entry_config' THEN kal_veiled(value)
        WHEN length(value::text) > 16384 THEN json_build_object('bytes',
            octet_length(value::text), 'sha256',
            encode(sha256(convert_to(value::text, 'UTF8')), 'hex'))
        ELSE value END)
    FROM json_each(image)
    WHERE key <> ALL (ignored)
        AND (other IS NULL OR value::text IS DISTINCT FROM (other -> key)::text)
$$;

-- Arguments: type of object, its id's columns, ignored columns, secret ones. Who does it and how
-- it is called come with the transaction (set_audit.sql); the engine's own changes have neither.
CREATE FUNCTION kal_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    who json := nullif(current_setting('app.audit', true), '')::json;
    ignored text[] := TG_ARGV[2];
    secrets text[] := TG_ARGV[3];
    before json := CASE WHEN TG_OP <> 'INSERT' THEN row_to_json(OLD) END;
    after json := CASE WHEN TG_OP <> 'DELETE' THEN row_to_json(NEW) END;
    image json := coalesce(after, before);
    a audit_log;
BEGIN
    a.before := kal_audit_image(before, after, ignored, secrets);
    a.after := kal_audit_image(after, before, ignored, secrets);
    IF a.before IS NULL AND a.after IS NULL THEN
        RETURN NULL; -- nothing that counts has changed
    END IF;
    a.tenant_id := coalesce(image ->> 'tenant_id', image ->> 'id')::uuid;
    a.at := coalesce((who ->> 'at')::timestamptz, (SELECT journey_time FROM deployment),
        clock_timestamp());
    a.actor := coalesce(who ->> 'actor', 'system');
    a.request_id := who ->> 'request_id';
    a.object_type := TG_ARGV[0];
    a.object_id := (SELECT string_agg(image ->> c, '/' ORDER BY i)
        FROM unnest(TG_ARGV[1]::text[]) WITH ORDINALITY AS id(c, i));
    a.action := a.object_type || '.' || CASE TG_OP WHEN 'INSERT' THEN 'create'
        WHEN 'DELETE' THEN 'delete' ELSE coalesce(who ->> 'verb', 'update') END;
    INSERT INTO audit_head AS h VALUES (a.tenant_id, 1, '\x')
    ON CONFLICT (tenant_id) DO UPDATE SET number = h.number + 1
    RETURNING number, hash INTO a.number, a.previous;
    a.hash := kal_audit_hash(a);
    UPDATE audit_head SET hash = a.hash WHERE tenant_id = a.tenant_id;
    INSERT INTO audit_log SELECT a.*;
    RETURN NULL;
END $$;

-- Audits a table of configuration. Deferred: the head's lock is a transaction's last, so that two
-- of a tenant cannot hold it crosswise.
CREATE FUNCTION kal_audited(t regclass, type text, id text[], ignored text[], secrets text[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE CONSTRAINT TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON %s '
        'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION kal_audit(%L, %L, %L, %L)',
        t, type, id, ignored, secrets);
END $$;
SELECT kal_audited('tenant', 'tenant', '{id}', '{changed_at,has_jwt_secret}', '{jwt_secret}');
SELECT kal_audited('api_key', 'api_key', '{id}', '{tenant_id,hash,last_used_at,changed_at}', '{}');
SELECT kal_audited('flow', 'flow', '{id}', '{tenant_id,updated_at}', '{}');
SELECT kal_audited('flow_version', 'version', '{flow_id,number}', '{tenant_id}', '{}');
SELECT kal_audited('journey', 'journey', '{id}', '{tenant_id,updated_at}', '{}');
SELECT kal_audited('segment', 'segment', '{id}', '{tenant_id,updated_at}', '{}');

GRANT SELECT ON audit_log TO kalcifer_api;
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_log TO kalcifer_api
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

-- A request that must not happen twice: claimed (and committed) before it begins; its answers are
-- in the transaction of its effects. key and request are SHA-256 in hex. Item -1 is the request's
-- whole answer, sealed by a key that only the caller's header gives; the others are its works.
CREATE TABLE idempotency_claim (
    tenant_id uuid NOT NULL, -- zero: the operator
    key text COLLATE "C" NOT NULL,
    request text COLLATE "C" NOT NULL,
    claimed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_claim_age ON idempotency_claim (claimed_at);

CREATE TABLE idempotency_answer (
    tenant_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    item integer NOT NULL,
    status smallint,
    answer bytea,
    instance_id uuid,
    result text,
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key, item)
);
CREATE INDEX idempotency_answer_age ON idempotency_answer (answered_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_claim TO kalcifer_api;
GRANT SELECT, INSERT, UPDATE ON idempotency_answer TO kalcifer_api;
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['idempotency_claim', 'idempotency_answer'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %I TO kalcifer_api USING '
            '(tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', t);
    END LOOP;
END $$;

-- Raises when a claim's effect has happened already: an attempt before this one was not lost.
CREATE FUNCTION kal_once(put bigint, sent bigint) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF put <> sent THEN
        RAISE EXCEPTION 'it has happened already' USING ERRCODE = 'KL003';
    END IF;
END $$;

-- Raises when the transaction that is to go on is not the one that began.
CREATE FUNCTION kal_held(token text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_setting('app.held', true) IS DISTINCT FROM token THEN
        RAISE EXCEPTION 'the transaction was lost' USING ERRCODE = 'KL003';
    END IF;
END $$;
