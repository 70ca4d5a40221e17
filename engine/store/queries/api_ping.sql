-- Whether the database answers, and its version.
SELECT current_setting('server_version');
