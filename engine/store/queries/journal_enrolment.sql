-- Records that customers have entered by an entry.
INSERT INTO enrolment AS e (flow_id, entry, customer_uuid, tenant_id, at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::timestamptz[])
ON CONFLICT (flow_id, entry, customer_uuid) DO UPDATE SET at = excluded.at
