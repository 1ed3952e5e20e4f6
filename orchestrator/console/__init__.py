"""How a driver tells of its steps on standard error: one live screen, plain lines, or lines of JSON."""
