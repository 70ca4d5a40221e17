-- Month partitions of events and steps around an instant.
SELECT kal_partitions($1::timestamptz)
