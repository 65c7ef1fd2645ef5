"""How a connection is described: what is pasted, typed and tried."""
