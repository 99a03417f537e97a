"""`fastyle preflight`: what Google Cloud would refuse a stack, asked before its first `pulumi up`. It changes nothing."""
