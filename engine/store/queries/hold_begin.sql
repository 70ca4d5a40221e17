-- Begins a transaction that goes on over several calls: of one request, on its own connection.
BEGIN
