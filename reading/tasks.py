"""This room's doors for the queue."""
