-- What is known of a customer: $1 id or $2 external id, the other null.
SELECT row_to_json(r) FROM (
    SELECT email, phone, name, timezone, properties FROM customer
    WHERE id = (SELECT id FROM customer WHERE id = $1::uuid
                UNION ALL SELECT id FROM customer WHERE external_id = $2::text LIMIT 1)
) r;
