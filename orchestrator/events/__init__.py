"""What a driver reports while it works, and those who listen: console, live screen, JSON lines, web hooks."""
