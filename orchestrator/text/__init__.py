"""How values, rows and whole runs read: for the commands, the handles and the reports."""
