-- Whether the tenant has this flow: $1 id.
SELECT id FROM flow WHERE id = $1::uuid;
