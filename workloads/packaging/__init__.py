"""Packaging of the workloads: archives of services and functions, and the files that Composer takes."""
