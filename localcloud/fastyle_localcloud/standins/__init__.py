"""How each stand-in is started. What differs from the cloud is listed in docs/localcloud.md."""
