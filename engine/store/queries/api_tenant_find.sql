-- A tenant's id by its name or its id: $1 text.
SELECT id FROM tenant WHERE name = $1::text OR id::text = lower($1::text);
