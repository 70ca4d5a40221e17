-- Where the lease stands, waiting for a transaction that still holds it: decides a flush whose
-- connection broke.
SELECT epoch, seq FROM shard_lease WHERE shard = $1::smallint FOR UPDATE
