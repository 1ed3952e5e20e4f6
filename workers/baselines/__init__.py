"""The methods that CLNP is compared with: joint training, elastic weight consolidation, synaptic intelligence."""
