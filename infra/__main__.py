"""`pulumi up` starts here: read the configuration, declare the platform, export what others need."""

import gc
import sys
from pathlib import Path

# Importing the provider's classes makes objects by the hundred thousand that all stay: looking for garbage among them
# took a third of a preview's time, and found nothing worth having back before the program ends.
gc.disable()

# Whoever runs a program puts its folder first on sys.path; the modules here are `infra.…` and nothing else.
_HERE = Path(__file__).resolve().parent
sys.path[:] = [str(_HERE.parent), *(entry for entry in sys.path if Path(entry or ".").resolve() != _HERE)]

import pulumi  # noqa: E402

from infra.composition import compose  # noqa: E402
from infra.config import load_config  # noqa: E402
from workloads.packaging.archives import PackagingError, build  # noqa: E402

try:
    outputs = compose(load_config(), build)
except PackagingError as error:
    raise pulumi.RunError(str(error)) from None
for name, value in outputs.items():
    pulumi.export(name, value)
