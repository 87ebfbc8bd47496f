"""Pictures with one class each: from folders and tables to arrays."""
