"""Every write to the database: one transaction for each transition, fenced and idempotent."""
