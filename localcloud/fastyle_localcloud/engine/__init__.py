"""The real Pulumi engine on this machine: where it comes from, its Python language host, its environment."""
