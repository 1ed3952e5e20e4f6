"""Continual learning by neural pruning (Golkar, Kagan, Cho 2019): the method, usable without the service around it."""
