"""What the operator is notified of: each problem once, and again when it becomes more severe."""
