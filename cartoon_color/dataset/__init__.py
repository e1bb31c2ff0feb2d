"""From episodes to training pictures."""
