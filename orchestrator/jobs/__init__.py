"""Drivers in the background: processes of this machine, or jobs of a Ray cluster."""
