-- Tells the audit log, until the transaction ends, who changes what: $1 actor, $2 request id,
-- $3 what an update is called, $4 journey time.
SELECT set_config('app.audit', json_build_object('actor', $1::text, 'request_id', $2::text,
    'verb', $3::text, 'at', $4::timestamptz)::text, true);
