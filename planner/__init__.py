"""A PySpark distributed job planner: plan work with dependencies, prove the plan, run it on Spark, measure it."""
