-- The virtual clock's time, null while time is real.
SELECT journey_time FROM deployment;
