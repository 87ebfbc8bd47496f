"""The big pipelines that compact networks are held against, on the same data and metrics."""
