"""Derived least privilege from the plan: the grants its links need, against the grants it makes."""
