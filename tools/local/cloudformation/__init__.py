"""CloudFormation: the template read, packaged and transformed; its resources made through the service APIs."""
