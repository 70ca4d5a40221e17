-- One tenant, for the operator: $1 id.
SELECT row_to_json(t) FROM (
    SELECT id, name, settings,
        to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at
    FROM tenant WHERE id = $1::uuid
) t;
