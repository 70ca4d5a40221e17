-- Deletes customers.
WITH gone AS (
    DELETE FROM customer AS c USING unnest($1::uuid[]) AS d (id) WHERE c.id = d.id RETURNING 1
)
SELECT kal_expect(count(*), cardinality($1), 'customer_drop') FROM gone
