"""Groups of runs, with played and with real drivers."""
