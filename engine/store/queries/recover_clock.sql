-- The latest journey time that this database has seen, for a virtual clock.
SELECT greatest((SELECT max(journey_time) FROM shard_lease),
                (SELECT journey_time FROM deployment))
