"""Reading a ledger that somebody exported as CSV: which column is what, each row or its faults, and its figures."""
