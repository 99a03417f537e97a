"""An estimate held against the bill: rows of Cloud Billing's export, by component, and the usage that would explain them.

`export.parse` reads rows, `compare.compared` holds them against an estimate, `explain.explained` finds the usage keys
that make up for what is off. Nothing here knows a program: components are told apart by a label.
"""
