"""What CLNP is held against, in the same trials: training anew, one after the other, EWC, SI, and all tasks at once."""
