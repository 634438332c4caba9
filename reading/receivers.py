"""What this room does on hearing news."""
