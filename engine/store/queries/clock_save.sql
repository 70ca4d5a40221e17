-- Keeps a virtual clock's time, $1, which never goes back, and answers it.
UPDATE deployment SET journey_time = greatest(journey_time, $1::timestamptz)
RETURNING journey_time
