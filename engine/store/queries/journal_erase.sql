-- Takes out of the rows that stay, for the counts, all that says who customers were: $1 their ids,
-- $2 keys, $3 external ids. What was still to be sent is not sent.
WITH who AS MATERIALIZED (
    SELECT w.id, w.key, w.external_id, i.tenant_id
    FROM unnest($1::uuid[], $2::int8[], $3::text[]) AS w (id, key, external_id)
    JOIN customer i ON i.id = w.id
), instances AS (
    UPDATE instance AS i
    SET context = '{}', accumulated = '{}', state = '{}', customer_key = 0,
        customer_id = 'erased:' || i.customer_uuid
    FROM who WHERE i.customer_key = who.key AND i.customer_id = who.external_id
        AND i.tenant_id = who.tenant_id
    RETURNING i.id
), steps AS (
    UPDATE step AS s SET output = NULL, error = NULL
    FROM instances WHERE s.instance_id = instances.id
), deliveries AS (
    UPDATE delivery AS d
    SET recipient = '{}', message = '{}', error = NULL, customer_key = 0,
        status = CASE d.status WHEN 'pending' THEN 'failed' ELSE d.status END
    FROM instances WHERE d.instance_id = instances.id
), events AS (
    UPDATE event AS e
    SET data = '{}', event_id = NULL, customer_key = 0, customer_id = 'erased:' || who.id
    FROM who WHERE e.customer_key = who.key AND e.customer_id = who.external_id
        AND e.tenant_id = who.tenant_id
), known AS (
    DELETE FROM event_dedupe AS k USING who
    WHERE k.customer_key = who.key AND k.tenant_id = who.tenant_id
), held AS (
    DELETE FROM held_event AS h USING instances WHERE h.instance_id = instances.id
)
UPDATE conversion AS c SET metadata = '{}' FROM instances WHERE c.instance_id = instances.id
