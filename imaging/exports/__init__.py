"""What leaves of the pictures' room."""
