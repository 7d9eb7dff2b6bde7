"""What the last step of a run uses: what it reads, the alert of new problems, and the metrics."""
