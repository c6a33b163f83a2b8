"""A person's shape from joints."""
