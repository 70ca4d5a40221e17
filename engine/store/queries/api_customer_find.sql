-- Whether the tenant has this customer: $1 id or $2 external id, the other null.
SELECT id FROM customer WHERE id = $1::uuid
UNION ALL SELECT id FROM customer WHERE external_id = $2::text LIMIT 1;
