"""Resources that live: one module a service, each registering its `Live` classes when imported."""
