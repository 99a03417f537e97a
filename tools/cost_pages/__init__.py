"""The generated parts of docs/cost.md and docs/scale.md: figures of the estimator, from plans, usage files and rates."""
