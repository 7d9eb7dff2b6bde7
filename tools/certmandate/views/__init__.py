"""What is printed or rendered: terminal, JSON, mails and pages."""
