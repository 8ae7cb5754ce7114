"""collector: image → case folder."""
