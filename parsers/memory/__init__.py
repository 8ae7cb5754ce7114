"""Memory dumps: what they are of, never what is in them."""
