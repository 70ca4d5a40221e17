-- Pauses an active flow: $1 id, $2 journey time.
UPDATE flow SET status = 'paused', paused_at = $2::timestamptz, updated_at = $2::timestamptz
WHERE id = $1::uuid AND status = 'active'
RETURNING id;
