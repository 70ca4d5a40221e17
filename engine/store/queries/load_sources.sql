-- Since when tenants' active flows run, and up to when a shard has enrolled by their entries.
SELECT f.id, f.updated_at, s.entry, s.at
FROM flow f
LEFT JOIN enrolment_sweep s ON s.flow_id = f.id AND s.shard = $1::int2
WHERE f.tenant_id = ANY ($2::uuid[]) AND f.status = 'active'
