"""From bytes to records with their origins."""
