"""The policy pack of this program: `pulumi preview --policy-pack policies`."""

from pathlib import Path

from fastyle_policies.pack import serve

serve(Path(__file__).parent, name="fastyle")
