"""Search spaces and reference architectures, as YAML files that install with the package."""
