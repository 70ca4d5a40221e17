-- A virtual clock's time: the latest that this database has seen. Null while time is real.
SELECT CASE WHEN journey_time IS NOT NULL
    THEN greatest(journey_time, (SELECT max(journey_time) FROM shard_lease)) END
FROM deployment
