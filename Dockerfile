# One image for every service of docker-compose.yml and for pods on Kubernetes: Python, a Java runtime, and the package
# with what its jobs and notebooks need. Executors have the same Python as drivers, so nothing has to be sent along.
FROM python:3.12-slim-bookworm

# procps: Spark's scripts ask for `ps`.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/*

COPY pyproject.toml README.md LICENSE /opt/source/
COPY planner /opt/source/planner
RUN pip install --no-cache-dir "/opt/source[jobs,notebook]"

# Executors run what users submit, and so not as root. Named volumes take over whose these folders are.
RUN useradd --create-home --uid 1000 planner \
    && mkdir --parents /opt/planner/events /opt/planner/runs \
    && chown --recursive planner:planner /opt/planner
USER planner
WORKDIR /opt/planner
# Where Spark looks for its settings, which conf/entrypoint.sh puts together; where executors write; and the Python that
# they run.
ENV SPARK_CONF_DIR=/home/planner/conf \
    SPARK_WORKER_DIR=/home/planner/work \
    PYSPARK_PYTHON=/usr/local/bin/python \
    LC_ALL=C.UTF-8
# What planning needs is compiled once, for all users of the image.
RUN planner warm

COPY conf conf
COPY jobs jobs
COPY --chown=planner:planner notebooks notebooks
ENTRYPOINT ["conf/entrypoint.sh"]
