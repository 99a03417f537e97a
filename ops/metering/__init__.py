"""`fastyle meter`: what stack `local` uses, measured by trading simulated days, as a usage file for the estimator."""
