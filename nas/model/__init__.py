"""From an architecture to a network: build, identity, other libraries' networks."""
