"""Serves the components to programs in any Pulumi language: `pulumi package add <this folder>`."""

from importlib.metadata import version

from fastyle_components import COMPONENTS
from fastyle_components.base import PACKAGE
from pulumi.provider.experimental import component_provider_host

if __name__ == "__main__":
    component_provider_host(components=COMPONENTS, name=PACKAGE, version=version("fastyle-components"))
