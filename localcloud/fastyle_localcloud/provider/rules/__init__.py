"""What Google Cloud refuses, replaces and computes of each resource type: one file a service.

`<service>.yaml` has an entry a type, whose keys are the fields of `vocabulary.Rules`, or `grant` with the arguments of
`vocabulary.grant`. A check is a constructor of `constraints` by its name, with its arguments in a list. `!code name` is the
function of that name in `<service>.py`.
"""
