"""The order book on DynamoDB."""
