"""The progress reports of a driver, and their receivers: console, live screen, JSON lines, web hooks."""
