"""Where papers are listed: one file a provider, each with `fetch` (network) and `parse` (bytes)."""
