"""The simulated certification authority: its hierarchies, the CSRs it reads and the bundles it returns."""
