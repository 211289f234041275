#!/bin/sh
# What a container of the image does first: it puts Spark's settings together where Spark looks for them.
#
# The files that SPARK_SETTINGS names follow conf/spark-defaults.conf; of two values of a setting the later one counts.
# On Kubernetes, Spark starts the image with the one word `driver` or `executor` in front, and brings the settings itself.
set -eu

if [ "${1:-}" = executor ]; then
    home=$(find_spark_home.py)
    # Options for Java are in SPARK_JAVA_OPT_0, SPARK_JAVA_OPT_1, …
    set --
    i=0
    while option=$(printenv "SPARK_JAVA_OPT_$i"); do
        set -- "$@" "$option"
        i=$((i + 1))
    done
    path="$SPARK_CONF_DIR:${SPARK_CLASSPATH:+$SPARK_CLASSPATH:}$home/jars/*"
    exec java "$@" "-Xms$SPARK_EXECUTOR_MEMORY" "-Xmx$SPARK_EXECUTOR_MEMORY" -cp "$path" \
        org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
        --driver-url "$SPARK_DRIVER_URL" --executor-id "$SPARK_EXECUTOR_ID" --cores "$SPARK_EXECUTOR_CORES" \
        --app-id "$SPARK_APPLICATION_ID" --hostname "$SPARK_EXECUTOR_POD_IP" \
        --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" --podName "$SPARK_EXECUTOR_POD_NAME"
fi
if [ "${1:-}" = driver ]; then
    shift
    exec spark-submit --conf "spark.driver.bindAddress=$SPARK_DRIVER_BIND_ADDRESS" --deploy-mode client "$@"
fi

mkdir -p "$SPARK_CONF_DIR"
cp conf/log4j2.properties "$SPARK_CONF_DIR"
# Executors reach a driver in here by the address of the container, which may have no name that they know.
address=${SPARK_LOCAL_IP:-$(hostname -i | cut -d ' ' -f 1)}
(
    umask 077 # a secret is among them
    # shellcheck disable=SC2086 # several names in one variable
    cat conf/spark-defaults.conf ${SPARK_SETTINGS:-} > "$SPARK_CONF_DIR/spark-defaults.conf"
    printf '\nspark.driver.host %s\n' "$address" >> "$SPARK_CONF_DIR/spark-defaults.conf"
)
exec "$@"
