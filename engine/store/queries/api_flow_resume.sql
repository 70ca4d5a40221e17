-- Resumes a paused flow and adds the pause to those that have ended: $1 id, $2 journey time.
UPDATE flow SET status = 'active', updated_at = $2::timestamptz, paused_at = NULL,
    paused_ms = paused_ms + (extract(epoch FROM $2::timestamptz - paused_at) * 1000)::bigint
WHERE id = $1::uuid AND status = 'paused'
RETURNING id;
