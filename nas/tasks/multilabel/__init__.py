"""Pictures with any number of labels each."""
