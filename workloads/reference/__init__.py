"""Pages of documentation that are made of what the workloads declare: event streams and marts."""
