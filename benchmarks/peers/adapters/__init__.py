"""One module for each peer; each has `adapter(host)`, which returns an `Adapter` of `adapters.interface`."""
