"""Networks as files for other runtimes, written only if they compute the same."""
