-- Locks a flow's row, so that its versions are numbered one after the other: $1 id.
SELECT id FROM flow WHERE id = $1::uuid FOR UPDATE;
