"""The pages, one file each: what is asked of `weir.control`, and which template shows it."""
