"""Packs: several trials on one base, trained as one batched computation."""
