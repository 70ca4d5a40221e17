-- Ends waits; one that is gone already raises (it must not be resumed twice).
WITH gone AS (
    DELETE FROM wait AS w USING unnest($1::uuid[], $2::int4[]) AS d (instance_id, seq)
    WHERE w.instance_id = d.instance_id AND w.seq = d.seq
    RETURNING 1
)
SELECT kal_expect(count(*), cardinality($1), 'wait_drop') FROM gone
