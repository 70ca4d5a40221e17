-- Deletes a draft flow with its versions: $1 id.
DELETE FROM flow WHERE id = $1::uuid AND status = 'draft' RETURNING id;
