-- Marks the transaction that has begun and chooses its role: $1 token, $2 role.
SELECT set_config('app.held', $1::text, true), set_config('role', $2::text, true);
