-- Which of some external ids are no customer's: $1 ids.
SELECT id FROM unnest($1::text[]) AS w (id)
WHERE NOT EXISTS (SELECT FROM customer c WHERE c.external_id = w.id);
