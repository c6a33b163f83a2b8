"""The subcommands of occpose, one module each."""
