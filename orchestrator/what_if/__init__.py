"""What another margin would have chosen, from the recorded trials."""
