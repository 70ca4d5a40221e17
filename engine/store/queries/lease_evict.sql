-- Ends what the owners of expired leases still have open: a process that stopped half way through
-- a flush holds its lease's row until its connection goes. One that is letting its shards go may
-- finish.
SELECT pg_terminate_backend(a.pid)
FROM (SELECT DISTINCT owner FROM shard_lease
      WHERE until < clock_timestamp() AND until > '-infinity' AND owner <> $1::uuid) AS l
JOIN pg_stat_activity a ON a.application_name = 'kalcifer ' || l.owner
