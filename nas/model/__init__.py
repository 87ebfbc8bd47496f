"""From an architecture to a network: building, identity, networks of other libraries."""
