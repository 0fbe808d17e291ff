"""What commands have in common: flags, overrides, errors in one line."""
