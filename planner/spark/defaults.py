"""What a run needs of Spark, for a session of your own: the settings of `conf/spark-defaults.conf`."""

from __future__ import annotations

from pyspark import SparkConf

__all__ = ["SETTINGS", "spark_conf"]

SETTINGS = {
    "spark.locality.wait": ("3s", "Spark waits so long for the executor a slot was planned for; with 0 it takes any."),
    "spark.speculation": ("false", "A second copy of a slot is sent home; until then it would hold a core."),
    "spark.dynamicAllocation.enabled": ("false", "A plan is for the executors that there are: they have to stay."),
    "spark.scheduler.minRegisteredResourcesRatio": (
        "1.0",
        "A session waits, 30 s at most, for all executors asked for.",
    ),
    "spark.task.maxFailures": ("100", "A lost slot is a failed task of Spark's, which otherwise ends a run after 4."),
    "spark.python.worker.reuse": ("true", "Python processes stay for the next run; to start one takes about 200 ms."),
    "spark.ui.showConsoleProgress": ("false", "A run draws its own progress, and two bars overwrite one another."),
}
"""Of each setting its value, and why."""


def spark_conf() -> SparkConf:
    """Give the settings of ``conf/spark-defaults.conf``, for a session of your own.

    Every one of them may be set anew behind it. No JVM is started.

    Examples
    --------
    >>> from pyspark.sql import SparkSession
    >>> builder = SparkSession.builder.config(conf=spark_conf()).config("spark.locality.wait", "10s")
    >>> spark_conf().get("spark.speculation")
    'false'
    """
    return SparkConf(loadDefaults=False).setAll([(key, value) for key, (value, _) in SETTINGS.items()])
