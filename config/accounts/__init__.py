"""Pages of accounts: signing in, and what a person changes about their own account."""
