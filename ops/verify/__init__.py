"""`fastyle verify`: a deployed stack proven end to end, by trade of its own that no figure counts."""
