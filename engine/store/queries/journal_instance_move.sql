-- Moves instances on from the row version they were loaded with.
WITH moved AS (
    UPDATE instance AS i
    SET status = m.status, accumulated = m.accumulated, state = m.state,
        completed_at = m.completed_at, exited_at = m.exited_at, exit_reason = m.exit_reason,
        row_version = m.row_version + 1
    FROM unnest($1::uuid[], $2::int4[], $3::text[], $4::json[], $5::json[], $6::timestamptz[],
        $7::timestamptz[], $8::text[])
        AS m (id, row_version, status, accumulated, state, completed_at, exited_at, exit_reason)
    WHERE i.id = m.id AND i.row_version = m.row_version
    RETURNING 1
)
SELECT kal_expect(count(*), cardinality($1), 'instance_move') FROM moved
