"""Running it for real on one machine: secrets, broker, containers or units, backup, and a doctor."""
