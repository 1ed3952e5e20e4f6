"""Drivers that run for somebody who does not wait for them."""
