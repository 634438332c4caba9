"""What an installation shows to whoever validates its use: requirements and their tests, IQ, OQ, and the pack."""
