-- Ends it well.
COMMIT
