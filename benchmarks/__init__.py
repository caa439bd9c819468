"""What poblar is held to, measured: each module prints one JSON object a line, all else goes to standard error."""
