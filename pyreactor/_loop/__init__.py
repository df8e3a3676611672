"""What the loop calls in Python."""
