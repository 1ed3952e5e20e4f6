"""A run as a report: one page that needs nothing else, figures as files, and tables for a paper."""
