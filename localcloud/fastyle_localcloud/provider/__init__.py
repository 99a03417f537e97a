"""The `gcp` provider of the local cloud: what Pulumi's engine talks to instead of Google Cloud."""
