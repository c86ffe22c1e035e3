"""What is known of each object: which version counts, who works on it, how far it came. One DynamoDB table for each deployment."""
