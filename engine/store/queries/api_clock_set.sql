-- Keeps the virtual clock's time: $1 journey time.
UPDATE deployment SET journey_time = $1::timestamptz;
