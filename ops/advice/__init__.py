"""`fastyle cost advise`: what a stack could cost less, by which key of its configuration, and what is lost by it."""
