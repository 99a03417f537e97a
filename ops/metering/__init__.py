"""`fastyle meter`: what a stack uses, as a usage file: local by trading simulated days, others by Cloud Monitoring."""
