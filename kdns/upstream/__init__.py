"""Other servers: asking them, and judging what they say."""
