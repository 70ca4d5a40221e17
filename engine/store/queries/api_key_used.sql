-- Remembers a key's use, at most once a minute: $1 id, $2 real time.
UPDATE api_key SET last_used_at = $2::timestamptz
WHERE id = $1::uuid
    AND coalesce(last_used_at <= $2::timestamptz - interval '1 minute', true);
