-- Raises unless this is still the transaction of that token: $1.
SELECT kal_held($1::text);
