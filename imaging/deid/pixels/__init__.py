"""Text that is part of the picture: which instances may carry it, where it is, and the same instance without it."""
