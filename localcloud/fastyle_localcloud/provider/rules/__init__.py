"""Rules of resource types, one module a service: `RULES` maps `module.Class` of `pulumi_gcp` to `Rules`."""
