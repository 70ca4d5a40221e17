-- Keeps a virtual clock's time.
UPDATE deployment SET journey_time = greatest(journey_time, $1::timestamptz)
