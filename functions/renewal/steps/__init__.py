"""One module for each Lambda function, and what they share; every step is safe to run twice."""
