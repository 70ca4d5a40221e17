-- Where the chains of audit break: tenant, number, how; of $1, or of all. No row: all is well.
SELECT tenant_id, number, problem FROM (
    SELECT DISTINCT ON (tenant_id) tenant_id, number, problem FROM (
        SELECT a.tenant_id, a.number, CASE
            WHEN a.number <> lag(a.number, 1, 0) OVER chain + 1 THEN 'rows before it are missing'
            WHEN a.previous <> lag(a.hash, 1, '\x') OVER chain
                THEN 'it does not follow the row before it'
            WHEN a.hash <> kal_audit_hash(a) THEN 'it has been changed'
            END AS problem
        FROM audit_log a
        WHERE $1::uuid IS NULL OR a.tenant_id = $1::uuid
        WINDOW chain AS (PARTITION BY a.tenant_id ORDER BY a.number)
        UNION ALL
        SELECT h.tenant_id, h.number, 'the log does not end with it'
        FROM audit_head h
        LEFT JOIN audit_log a ON a.tenant_id = h.tenant_id AND a.number = h.number
            AND a.hash = h.hash
        WHERE ($1::uuid IS NULL OR h.tenant_id = $1::uuid) AND a.number IS NULL
    ) links
    WHERE problem IS NOT NULL
    ORDER BY tenant_id, number
) broken;
