"""What SCM holds while the simulator runs: accounts, domains and orders, and how orders are issued."""
