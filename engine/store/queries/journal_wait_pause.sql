-- Stops and starts the waits of instances; the timers of paused ones have no due time.
WITH moved AS (
    UPDATE wait AS w
    SET paused = m.paused, due_at = m.due_at, remaining_ms = m.remaining_ms
    FROM unnest($1::uuid[], $2::int4[], $3::bool[], $4::timestamptz[], $5::int8[])
        AS m (instance_id, seq, paused, due_at, remaining_ms)
    WHERE w.instance_id = m.instance_id AND w.seq = m.seq
    RETURNING 1
)
SELECT kal_expect(count(*), cardinality($1), 'wait_pause') FROM moved
