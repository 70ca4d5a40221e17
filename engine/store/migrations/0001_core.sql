-- The core: deployment, tenants, flows, customers, instances and what a journal writes.
-- Times are journey time and always parameters; only leases and keys use the server's clock.
-- Text keys compare bytewise ("C"), which is what the engine's hashes do.

CREATE TABLE deployment (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    shards smallint NOT NULL,
    journey_time timestamptz -- the virtual clock's, null while time is real
);

-- One writer a shard. seq counts flushes; a takeover raises epoch before it loads anything.
CREATE TABLE shard_lease (
    shard smallint PRIMARY KEY,
    owner uuid,
    epoch bigint NOT NULL DEFAULT 0,
    seq bigint NOT NULL DEFAULT 0,
    until timestamptz NOT NULL DEFAULT '-infinity',
    journey_time timestamptz -- of the last flush, for a virtual clock's restart
) WITH (fillfactor = 50);

CREATE TABLE tenant (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    hash bytea NOT NULL UNIQUE,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'editor', 'admin')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_key_revoked ON api_key (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX tenant_changed ON tenant (changed_at);

CREATE TABLE flow (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    name text NOT NULL,
    description text,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'paused', 'archived')),
    active_version integer,
    entry_config json NOT NULL DEFAULT '{}',
    exit_criteria json NOT NULL DEFAULT '{}',
    frequency_cap json NOT NULL DEFAULT '{}',
    paused_at timestamptz,
    paused_ms bigint NOT NULL DEFAULT 0, -- all pauses that have ended; relative timers shift by it
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX flow_tenant ON flow (tenant_id, id);

CREATE TABLE flow_version (
    flow_id uuid NOT NULL REFERENCES flow ON DELETE CASCADE,
    number integer NOT NULL,
    tenant_id uuid NOT NULL,
    graph json NOT NULL,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'deprecated', 'rolled_back')),
    changelog text,
    node_mapping json NOT NULL DEFAULT '{}',
    migration_strategy text NOT NULL DEFAULT 'new_entries_only',
    migration_config json NOT NULL DEFAULT '{}',
    node_types json NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    published_at timestamptz,
    published_by text,
    PRIMARY KEY (flow_id, number)
);

-- customer_key is XXH3 of the external id, seeded by the tenant; it decides the shard. Values are
-- json, not jsonb, which would turn 1e22 into an integer that no reader takes back.
CREATE TABLE customer (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    customer_key bigint NOT NULL,
    email text,
    phone text,
    name text,
    timezone text,
    properties json NOT NULL DEFAULT '{}',
    tags json NOT NULL DEFAULT '[]',
    preferences json NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz,
    UNIQUE (tenant_id, external_id)
) WITH (fillfactor = 80);
CREATE INDEX customer_list ON customer (tenant_id, id);

CREATE TABLE instance (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    flow_id uuid NOT NULL,
    version integer NOT NULL,
    customer_uuid uuid NOT NULL,
    customer_id text COLLATE "C" NOT NULL, -- the external id
    customer_key bigint NOT NULL,
    shard smallint NOT NULL,
    status text NOT NULL,
    context json NOT NULL,               -- the caller's, never changed
    accumulated json NOT NULL DEFAULT '{}',
    state json NOT NULL DEFAULT '{}',    -- the walk's: joins, consumed events, executions
    row_version integer NOT NULL DEFAULT 1,
    entered_at timestamptz NOT NULL,
    completed_at timestamptz,
    exited_at timestamptz,
    exit_reason text,
    migrated_from_version integer,
    migrated_at timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX instance_live ON instance (flow_id, customer_uuid)
    WHERE status IN ('running', 'waiting', 'paused');
CREATE INDEX instance_list ON instance (flow_id, id);
CREATE INDEX instance_customer ON instance (customer_key, flow_id);

-- A token that stays at a node. Inserted and deleted, never updated.
CREATE TABLE wait (
    instance_id uuid NOT NULL,
    seq integer NOT NULL,
    shard smallint NOT NULL,
    tenant_id uuid NOT NULL,
    customer_key bigint NOT NULL,
    flow_id uuid NOT NULL,
    version integer NOT NULL,
    node_id text COLLATE "C" NOT NULL,
    node_type text NOT NULL,
    event_type text,           -- what it waits for, for people
    due_at timestamptz,        -- relative timers: less the flow's pauses that had ended by then
    absolute boolean NOT NULL, -- a date: pauses do not shift it
    began_at timestamptz NOT NULL,
    state json,
    PRIMARY KEY (instance_id, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX wait_due ON wait (shard, due_at, instance_id, seq) WHERE due_at IS NOT NULL;

CREATE TABLE event (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    customer_key bigint NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    event_id text,             -- the caller's
    event_type text NOT NULL,
    data json NOT NULL,
    occurred_at timestamptz,
    received_at timestamptz NOT NULL
) PARTITION BY RANGE (received_at);
CREATE INDEX event_customer ON event (customer_key, received_at);
CREATE TABLE event_default PARTITION OF event DEFAULT;

-- Uniqueness across the partitions of event, with the first answer.
CREATE TABLE event_dedupe (
    customer_key bigint NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    tenant_id uuid NOT NULL,
    routed integer NOT NULL,
    started integer NOT NULL,
    held integer NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (customer_key, event_id, tenant_id)
);

-- Events for instances of a paused flow, replayed in order at resume.
CREATE TABLE held_event (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    shard smallint NOT NULL,
    flow_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    customer_key bigint NOT NULL,
    event json NOT NULL
);
CREATE INDEX held_event_flow ON held_event (flow_id, shard, id);

CREATE TABLE step (
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    node_id text NOT NULL,
    node_type text NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    branch text,
    output json,
    error text,
    trigger text,
    started_at timestamptz NOT NULL,
    completed_at timestamptz NOT NULL
) PARTITION BY RANGE (completed_at);
CREATE INDEX step_instance ON step (instance_id, id);
CREATE TABLE step_default PARTITION OF step DEFAULT;

CREATE TABLE delivery (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    shard smallint NOT NULL,
    flow_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    customer_uuid uuid NOT NULL,
    customer_key bigint NOT NULL,
    node_id text NOT NULL,
    channel text NOT NULL,
    provider text NOT NULL,
    recipient json NOT NULL,
    message json NOT NULL,
    status text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    provider_message_id text,
    error text,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    delivered_at timestamptz,
    failed_at timestamptz
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX delivery_instance ON delivery (instance_id);
CREATE INDEX delivery_pending ON delivery (shard) WHERE status = 'pending';

CREATE TABLE conversion (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    flow_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    customer_uuid uuid NOT NULL,
    conversion_type text NOT NULL,
    value double precision,
    metadata json NOT NULL DEFAULT '{}',
    converted_at timestamptz NOT NULL
);
CREATE INDEX conversion_flow ON conversion (flow_id, converted_at);

-- Raises unless a statement touched as many rows as it was sent.
CREATE FUNCTION kal_expect(touched bigint, sent bigint, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF touched IS DISTINCT FROM sent THEN
        RAISE EXCEPTION '%: % of % rows', what, touched, sent USING ERRCODE = 'KL002';
    END IF;
END $$;

-- Raises unless the lease's row was this owner's to move on.
CREATE FUNCTION kal_fence(touched bigint) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF touched <> 1 THEN
        RAISE EXCEPTION 'the lease of this shard has moved' USING ERRCODE = 'KL001';
    END IF;
END $$;

-- Month partitions of event and step around an instant: its month and the two after it. A month
-- whose rows lie in the default partition already stays there.
CREATE FUNCTION kal_partitions(around timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    month timestamp;
BEGIN
    FOREACH parent IN ARRAY ARRAY['event', 'step'] LOOP
        FOR i IN 0..2 LOOP
            month := date_trunc('month', around AT TIME ZONE 'UTC') + make_interval(months => i);
            IF to_regclass(parent || to_char(month, '_YYYY_MM')) IS NULL THEN
                BEGIN
                    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                        parent || to_char(month, '_YYYY_MM'), parent,
                        month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
                EXCEPTION WHEN check_violation OR duplicate_table THEN
                    NULL;
                END;
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- API reads run as a role that owns nothing and bypasses nothing; unset app.tenant gives no rows.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kalcifer_api') THEN
        CREATE ROLE kalcifer_api NOLOGIN;
    END IF;
    EXECUTE format('GRANT kalcifer_api TO %I', current_user);
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON flow, flow_version TO kalcifer_api;
GRANT SELECT ON customer, instance, wait, event, step, delivery, conversion, held_event TO kalcifer_api;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['flow', 'flow_version', 'customer', 'instance', 'wait', 'event', 'step',
                             'delivery', 'conversion', 'held_event'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %I TO kalcifer_api USING '
            '(tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', t);
    END LOOP;
END $$;
