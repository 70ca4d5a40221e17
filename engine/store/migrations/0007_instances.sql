-- Paused instances, webhooks' answers, and lists that stay fast at a million rows.

-- Of a paused instance: the wait is frozen, and a relative timer has no due time but what remains
-- of it. The only change that a wait's row ever sees.
ALTER TABLE wait ADD paused boolean NOT NULL DEFAULT false;
ALTER TABLE wait ADD remaining_ms bigint;

-- Held for the instance's own pause; else for its flow's, whose end replays it.
ALTER TABLE held_event ADD paused boolean NOT NULL DEFAULT false;
DROP INDEX held_event_flow;
CREATE INDEX held_event_flow ON held_event (flow_id, shard, id) WHERE NOT paused;
CREATE INDEX held_event_instance ON held_event (instance_id, id);

-- What an entry webhook started, for its repetition.
ALTER TABLE event_dedupe ADD instance_id uuid;

-- A customer's instances, newest first, of all flows or of one: they are few.
DROP INDEX instance_customer;
CREATE INDEX instance_customer ON instance (customer_key, id);
-- Statuses that few instances of a flow have, or none at rest.
CREATE INDEX instance_rare ON instance (flow_id, status, id)
    WHERE status IN ('running', 'paused', 'failed', 'exited');

CREATE INDEX customer_email ON customer (tenant_id, email, id) WHERE email IS NOT NULL;

-- For an erasure.
CREATE INDEX conversion_instance ON conversion (instance_id);

-- Who has a tag, newest customer last.
CREATE TABLE customer_tag (
    tenant_id uuid NOT NULL,
    tag text COLLATE "C" NOT NULL,
    customer_uuid uuid NOT NULL,
    PRIMARY KEY (tenant_id, tag, customer_uuid)
);

CREATE FUNCTION kal_customer_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM customer_tag
        WHERE tenant_id = OLD.tenant_id AND customer_uuid = OLD.id
            AND tag IN (SELECT json_array_elements_text(OLD.tags));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO customer_tag (tenant_id, tag, customer_uuid)
        SELECT DISTINCT NEW.tenant_id, tag, NEW.id FROM json_array_elements_text(NEW.tags) AS tag
        WHERE octet_length(tag) <= 255;
    END IF;
    RETURN NULL;
END $$;
-- Most writes of a customer leave the tags alone: the conditions cost no call.
CREATE TRIGGER customer_tags_new AFTER INSERT ON customer FOR EACH ROW
    WHEN (NEW.tags::text <> '[]') EXECUTE FUNCTION kal_customer_tags();
CREATE TRIGGER customer_tags_changed AFTER UPDATE ON customer FOR EACH ROW
    WHEN (OLD.tags::text <> NEW.tags::text) EXECUTE FUNCTION kal_customer_tags();
CREATE TRIGGER customer_tags_gone AFTER DELETE ON customer FOR EACH ROW
    WHEN (OLD.tags::text <> '[]') EXECUTE FUNCTION kal_customer_tags();
INSERT INTO customer_tag (tenant_id, tag, customer_uuid)
SELECT DISTINCT c.tenant_id, tag, c.id
FROM customer c CROSS JOIN LATERAL json_array_elements_text(c.tags) AS tag
WHERE octet_length(tag) <= 255;

GRANT SELECT ON customer_tag TO kalcifer_api;
ALTER TABLE customer_tag ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON customer_tag TO kalcifer_api USING
    (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

-- The configs of nodes, as versions of a flow have them.
CREATE FUNCTION kal_node_configs(flow uuid, versions integer[])
RETURNS TABLE (version integer, node_id text, config json) LANGUAGE sql STABLE AS $$
    SELECT v.number, n ->> 'id', n -> 'config'
    FROM flow_version v CROSS JOIN LATERAL json_array_elements(v.graph -> 'nodes') n
    WHERE v.flow_id = $1 AND v.number = ANY ($2)
$$;

-- As before, and a paused instance's timers stand still.
CREATE OR REPLACE FUNCTION kal_instance_json(i instance, now timestamptz)
RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT row_to_json(r) FROM (
        SELECT i.id, i.flow_id, i.version, i.customer_id, i.status,
            (SELECT coalesce(json_agg(node_id ORDER BY seq), '[]') FROM (
                SELECT node_id, min(seq) AS seq FROM wait WHERE instance_id = i.id GROUP BY node_id
            ) live) AS current_nodes,
            (SELECT json_object_agg(key, value ORDER BY at) FROM (
                SELECT key, value, at FROM json_each(i.context) WITH ORDINALITY AS c(key, value, at)
                WHERE key <> 'accumulated'
                UNION ALL
                SELECT 'accumulated', i.accumulated, NULL -- the last
            ) members) AS context,
            kal_iso(i.entered_at) AS entered_at,
            kal_iso(i.completed_at) AS completed_at,
            kal_iso(i.exited_at) AS exited_at,
            i.exit_reason, i.migrated_from_version,
            kal_iso(i.migrated_at) AS migrated_at,
            (SELECT coalesce(json_agg(row_to_json(w)), '[]') FROM (
                SELECT node_id, node_type AS type, event_type, kal_iso(due) AS until,
                    (SELECT greatest(0, ms) WHERE ms IS NOT NULL) AS remaining_ms
                FROM (
                    SELECT *, CASE
                        WHEN remaining_ms IS NOT NULL
                            THEN now + make_interval(secs => (remaining_ms / 1000.0)::float8)
                        WHEN absolute THEN due_at
                        ELSE due_at + make_interval(secs => (f.paused_ms / 1000.0
                            + coalesce(extract(epoch FROM now - f.paused_at), 0))::float8)
                        END AS due
                    FROM wait WHERE instance_id = i.id
                ) effective, LATERAL (
                    SELECT (extract(epoch FROM due - now) * 1000)::bigint AS ms
                ) remaining
                ORDER BY seq
            ) w) AS waiting
        FROM flow f WHERE f.id = i.flow_id
    ) r);
END
$$;
