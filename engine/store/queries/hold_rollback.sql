-- Ends it as if it had not begun; harmless when there is none.
ROLLBACK
