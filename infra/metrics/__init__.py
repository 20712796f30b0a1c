"""What a desk tells of itself in figures: the instruments, and how they become one answer."""
