-- Archives a flow: $1 id, $2 journey time.
UPDATE flow SET status = 'archived', paused_at = NULL, updated_at = $2::timestamptz
WHERE id = $1::uuid AND status <> 'archived'
RETURNING id;
