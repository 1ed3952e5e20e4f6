"""Continual learning by neural pruning (Golkar, Kagan, Cho 2019): the method, usable as a library without the service."""
