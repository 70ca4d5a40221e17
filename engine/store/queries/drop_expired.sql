-- Drops what nobody asks for any more, some of it at a time: $1 journey time.
DELETE FROM tenant_usage WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM tenant_usage
    WHERE day < floor(extract(epoch FROM $1::timestamptz) / 86400) - 7 LIMIT 10000));
