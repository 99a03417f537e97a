"""Serves the components to programs in any Pulumi language: `pulumi package add <this folder>`."""

import sys

from fastyle_components import COMPONENTS
from fastyle_components.schema import Provider
from pulumi.provider import main

if __name__ == "__main__":
    main(Provider(COMPONENTS), sys.argv[1:])
