"""The training of one trial, or of several as a pack; its optimizers, its state, and how an interrupted one resumes."""
