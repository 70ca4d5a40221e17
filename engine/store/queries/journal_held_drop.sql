-- Drops held events that were replayed.
WITH gone AS (
    DELETE FROM held_event AS h USING unnest($1::uuid[]) AS d (id) WHERE h.id = d.id RETURNING 1
)
SELECT kal_expect(count(*), cardinality($1), 'held_drop') FROM gone
