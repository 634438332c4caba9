"""The house from outside: a real installation, real peers, a real browser."""
