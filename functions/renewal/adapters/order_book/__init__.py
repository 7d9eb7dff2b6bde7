"""The order book on DynamoDB, and the seals of its audit trail in S3."""
