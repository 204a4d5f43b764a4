"""Single defects of the reference deployment, as they happen to teams: what is changed, and where it has to be seen.

Written from what goes wrong in production, before the rules were. `at` is a text of the line at which a person would
look, in the changed files; by default the changed text itself.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong."""

    name: str
    file: str
    before: str  # a text that the file has; the first place is changed
    after: str
    at: str = ""  # a text of the line that has to be named
    where: str = ""  # its file, if it is another


APP, POSTGRES, REDIS = "k8s/unified-service.yaml", "k8s/postgres.yaml", "k8s/redis.yaml"
INGRESS, BACKUP_JOB, CONFIG = "k8s/ingress.yaml", "k8s/backup.yaml", "k8s/config.yaml"
COMPOSE, LOGGING, PIPELINE = "docker-compose.yml", "logging/elasticsearch.yml", "logstash/pipeline/logstash.conf"
PROMETHEUS, ALERTS, MANAGER = "monitoring/prometheus.yml", "monitoring/alert_rules.yml", "monitoring/alertmanager.yml"
ROLLING, BACKUP, RESTORE = "deploy-rolling.sh", "simple-backup.sh", "restore-backup.sh"
BLUE_GREEN, ACTIVATE = "deploy-blue-green.sh", "activate-dr.sh"
WORKFLOW, RECOVERY, IMAGE = ".github/workflows/simple-deploy.yml", "disaster-recovery.md", "Dockerfile"
HOST_ENV = """            - name: POSTGRES_HOST
              valueFrom: {configMapKeyRef: {name: insitechart-config, key: POSTGRES_HOST}}
"""

KUBERNETES = [
    ("a variable of the DSN is defined nowhere", APP, HOST_ENV, "", "value: postgresql://"),
    (
        "a variable of the DSN is defined after it",
        APP,
        "          env:\n",
        "          env:\n            - {name: LATE, value: $(LOG_LEVEL)}\n",
        "name: LATE",
    ),
    ("a variable is misspelt in the DSN", APP, "$(POSTGRES_DB)", "$(POSTGRES_DATABASE)", "value: postgresql://"),
    ("the cache's password is not passed to its command", REDIS, "name: REDIS_PASSWORD", "name: REDIS_PASS", "args:"),
    ("a key of the ConfigMap is renamed", CONFIG, "REDIS_PORT:", "REDIS_SERVICE_PORT:", "key: REDIS_PORT", APP),
    (
        "the ConfigMap is renamed",
        CONFIG,
        "name: insitechart-config",
        "name: insitechart-settings",
        "configMapKeyRef",
        APP,
    ),
    (
        "a Deployment's selector does not match",
        APP,
        "matchLabels: {app: unified-service}",
        "matchLabels: {app: unified}",
        "  selector:",
    ),
    ("a Service selects nothing", REDIS, "selector: {app: redis}", "selector: {app: redis-cache}", ""),
    (
        "a Service sends to a port that nobody has",
        APP,
        "port: 8000, targetPort: http",
        "port: 8000, targetPort: 8080",
        "",
    ),
    (
        "a Service sends to a port name that nobody has",
        APP,
        "port: 8000, targetPort: http",
        "port: 8000, targetPort: web",
        "",
    ),
    ("the container's port is another than the application's", APP, "containerPort: 8000", "containerPort: 8080", ""),
    ("the Ingress names a Service that is not there", INGRESS, "name: unified-service", "name: unified-api", ""),
    ("the Ingress names a port that the Service has not", INGRESS, "port: {number: 8000}", "port: {number: 80}", ""),
    (
        "the Ingress rewrites every path to one",
        INGRESS,
        "  annotations:\n",
        "  annotations:\n    nginx.ingress.kubernetes.io/rewrite-target: /\n",
        "rewrite-target",
    ),
    (
        "the Ingress is open",
        INGRESS,
        "  tls:\n    - hosts: [api.insitechart.com]\n      secretName: insitechart-tls\n",
        "",
        "name: insitechart-ingress",
    ),
    ("the claim has another name", REDIS, "claimName: redis-pvc", "claimName: redis-claim", ""),
    ("the cache's data is not on its volume", REDIS, "mountPath: /data", "mountPath: /var/lib/redis", ""),
    (
        "the cache's data is in memory",
        REDIS,
        "persistentVolumeClaim: {claimName: redis-pvc}",
        "emptyDir: {}",
        "- name: redis-data",
    ),
    (
        "the volume is held by the pod that is replaced",
        REDIS,
        "strategy: {type: Recreate}",
        "strategy: {type: RollingUpdate}",
        "",
    ),
    ("two pods share a volume of one", REDIS, "replicas: 1", "replicas: 2", ""),
    (
        "the database's folder is the root of its volume",
        POSTGRES,
        "value: /var/lib/postgresql/data/pgdata",
        "value: /var/lib/postgresql/data",
        "mountPath: /var/lib/postgresql/data}",
    ),
    (
        "the database writes beside its volume",
        POSTGRES,
        "mountPath: /var/lib/postgresql/data}",
        "mountPath: /data}",
        "",
    ),
    ("two databases that know nothing of each other", POSTGRES, "replicas: 1", "replicas: 3", ""),
    (
        "the StatefulSet's Service is not there",
        POSTGRES,
        "serviceName: postgres-headless",
        "serviceName: postgres-nodes",
        "",
    ),
    (
        "the StatefulSet's Service is not headless",
        POSTGRES,
        "serviceName: postgres-headless",
        "serviceName: postgres-service",
        "",
    ),
    ("the probe asks a port that is not there", APP, "path: /health, port: http", "path: /health, port: 8080", ""),
    ("the probe asks a port name that is not there", APP, "path: /health, port: http", "path: /health, port: web", ""),
    ("the probe asks a path that is not there", APP, "path: /health, port", "path: /healthz, port", ""),
    ("liveness restarts for a lost database", APP, "path: /health/live", "path: /health", "livenessProbe:"),
    (
        "no readiness probe",
        APP,
        "          readinessProbe:\n            httpGet: {path: /health, port: http}\n            initialDelaySeconds: 5\n            periodSeconds: 5\n            timeoutSeconds: 3\n",
        "",
        "name: unified-service\n          image",
    ),
    ("no limits", REDIS, "            limits: {memory: 256Mi, cpu: 250m}\n", "", "resources:"),
    ("a limit below its request", REDIS, "limits: {memory: 256Mi", "limits: {memory: 64Mi", ""),
    ("any image", APP, "unified-service:1.0.0", "unified-service:latest", ""),
    ("preStop outlasts the grace period", APP, 'command: [sleep, "5"]', 'command: [sleep, "60"]', ""),
    ("all replicas go at once", APP, "maxUnavailable: 0", "maxUnavailable: 100%", ""),
    ("a budget that never allows an eviction", APP, "minAvailable: 1", "minAvailable: 2", ""),
    (
        "runs as root",
        APP,
        "        runAsNonRoot: true\n        runAsUser: 10001\n        runAsGroup: 10001\n",
        "",
        "name: unified-service",
    ),
    ("a container with all rights", APP, "allowPrivilegeEscalation: false", "privileged: true", ""),
    (
        "the policy forgets the cache",
        "k8s/network-policies.yaml",
        "    - to:\n        - podSelector:\n            matchLabels: {app: redis}\n      ports:\n        - {protocol: TCP, port: 6379}\n",
        "",
        "name: deny-all",
    ),
    (
        "the policy forgets DNS",
        "k8s/network-policies.yaml",
        "- {protocol: UDP, port: 53}\n        - {protocol: TCP, port: 53}",
        "- {protocol: UDP, port: 5353}",
        "name: deny-all",
    ),
    (
        "the policy lets nobody to the database",
        "k8s/network-policies.yaml",
        "values: [unified-service, unified-service-green, postgres-replica,",
        "values: [unified-api, postgres-replica,",
        "name: deny-all",
    ),
    ("a field is misspelt", APP, "readinessProbe:", "readynessProbe:", ""),
    ("an API that is gone", APP, "apiVersion: policy/v1", "apiVersion: policy/v1beta1", ""),
    (
        "the volume that is mounted is not there",
        REDIS,
        "{name: redis-data, mountPath",
        "{name: redis-storage, mountPath",
        "",
    ),
    ("a key is written twice", APP, "  replicas: 2\n", "  replicas: 2\n  replicas: 1\n", "replicas: 1"),
    (
        "the DSN names a host that is no Service",
        CONFIG,
        "POSTGRES_HOST: postgres-service",
        "POSTGRES_HOST: postgres-svc",
        "",
    ),
    ("the DSN names a port that the Service has not", CONFIG, 'POSTGRES_PORT: "5432"', 'POSTGRES_PORT: "5433"', ""),
    ("the DSN names a database that nobody makes", APP, "/$(POSTGRES_DB)", "/insite", ""),
]

COMPOSE_FILES = [
    ("the cache is open to the world", COMPOSE, 'ports: ["127.0.0.1:6379:6379"]', 'ports: ["6379:6379"]', ""),
    ("the database is open to the world", COMPOSE, 'ports: ["127.0.0.1:5432:5432"]', 'ports: ["5432:5432"]', ""),
    (
        "the search engine is open to the world",
        LOGGING,
        "    volumes:\n      - elasticsearch_data",
        "    ports: ['9200:9200']\n    volumes:\n      - elasticsearch_data",
        "9200:9200",
    ),
    (
        "security is off and the port is out",
        LOGGING,
        'xpack.security.enabled: "true"',
        'xpack.security.enabled: "false"',
        "",
    ),
    (
        "a password that may be missing",
        COMPOSE,
        "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it in .env}\n    ports",
        "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}\n    ports",
        "",
    ),
    (
        "a password in the file",
        COMPOSE,
        "SECRET_KEY: ${SECRET_KEY:?set it in .env}",
        "SECRET_KEY: 8f1c2a9be07d4415",
        "",
    ),
    (
        "the application does not wait for its database",
        COMPOSE,
        "postgres: {condition: service_healthy}\n      redis",
        "postgres: {condition: service_started}\n      redis",
        "",
    ),
    (
        "waits for a health that nobody checks",
        LOGGING,
        '    healthcheck:\n      test: ["CMD-SHELL", "curl -fs http://localhost:9600/_node"]\n      interval: 30s\n      timeout: 10s\n      retries: 10\n',
        "",
        "logstash: {condition: service_healthy}",
    ),
    (
        "the database's data is in the container",
        COMPOSE,
        "      - postgres_data:/var/lib/postgresql/data\n",
        "",
        "postgres:\n    <<",
    ),
    (
        "the database's data is elsewhere",
        COMPOSE,
        "postgres_data:/var/lib/postgresql/data",
        "postgres_data:/var/lib/postgres",
        "",
    ),
    ("the volume is not declared", COMPOSE, "volumes:\n  postgres_data:\n", "volumes:\n", "postgres_data:/var/lib"),
    (
        "a file that is mounted is not there",
        COMPOSE,
        "./postgres/replica.sh:/replica.sh",
        "./scripts/replica.sh:/replica.sh",
        "",
    ),
    ("the pipeline that is mounted is not there", LOGGING, "../logstash/pipeline:", "./logstash/pipeline:", ""),
    ("Filebeat's configuration is not there", LOGGING, "./filebeat.yml:", "./filebeat/filebeat.yml:", ""),
    ("a published port on which nothing listens", COMPOSE, 'ports: ["8000:8000"]', 'ports: ["8000:8080"]', ""),
    ("one port for two", COMPOSE, 'ports: ["127.0.0.1:6379:6379"]', 'ports: ["127.0.0.1:5432:6379"]', ""),
    ("the heap is larger than the memory", LOGGING, "-Xms1g -Xmx1g", "-Xms4g -Xmx4g", ""),
    ("the DSN names a host that is no service", COMPOSE, "@postgres:5432/insitechart", "@db:5432/insitechart", ""),
    ("the DSN names another port", COMPOSE, "@postgres:5432/insitechart", "@postgres:5433/insitechart", ""),
    ("the DSN names a database that nobody makes", COMPOSE, "@postgres:5432/insitechart", "@postgres:5432/chart", ""),
    (
        "the cache's password is not given",
        COMPOSE,
        "redis://:${REDIS_PASSWORD:?set it in .env}@redis",
        "redis://redis",
        "",
    ),
    (
        "nothing is started again",
        COMPOSE,
        "  restart: unless-stopped\n  networks",
        '  restart: "no"\n  networks',
        "restart",
    ),
    (
        "a health check by a program that is not there",
        IMAGE,
        "--no-install-recommends curl",
        "--no-install-recommends ca-certificates",
        "HEALTHCHECK",
    ),
    (
        "a health check of another port",
        COMPOSE,
        'http://localhost:8000/health"]\n      interval',
        'http://localhost:8080/health"]\n      interval',
        "",
    ),
    (
        "a network that is not declared",
        COMPOSE,
        "networks:\n  insitechart-network:\n    driver: bridge\n",
        "",
        "insitechart-network",
    ),
]

IMAGES = [
    ("the image runs as root", IMAGE, "USER 10001:10001\n", "", "FROM ${PYTHON_IMAGE}\nRUN"),
    ("runs as root in the end", IMAGE, "USER 10001:10001\n", "USER 10001:10001\nUSER root\n", "USER root"),
    ("any base", IMAGE, "PYTHON_IMAGE=python:3.11-slim", "PYTHON_IMAGE=python", ""),
    (
        "build tools in the image",
        IMAGE,
        "--no-install-recommends curl",
        "--no-install-recommends curl gcc libpq-dev",
        "",
    ),
    ("a stage that is not there", IMAGE, "COPY --from=build", "COPY --from=builder", ""),
    ("binds where nobody can reach it", IMAGE, '"--host", "0.0.0.0"', '"--host", "127.0.0.1"', ""),
    ("exposes another port", IMAGE, "EXPOSE 8000", "EXPOSE 8080", ""),
    (
        "a secret in the image",
        IMAGE,
        "WORKDIR /app\n",
        "WORKDIR /app\nENV SECRET_KEY=8f1c2a9be07d4415\n",
        "ENV SECRET_KEY",
    ),
]

METRICS = [
    ("a target that nobody deploys", PROMETHEUS, "redis-exporter:9121", "redis-metrics:9121", ""),
    ("a target's other port", PROMETHEUS, "postgres-exporter:9187", "postgres-exporter:9188", ""),
    ("rules that are not loaded", PROMETHEUS, "  - alert_rules.yml", "  - rules/*.yml", ""),
    ("an Alertmanager that nobody deploys", PROMETHEUS, "targets: [alertmanager:9093]", "targets: [alerts:9093]", ""),
    (
        "no Alertmanager",
        PROMETHEUS,
        "alerting:\n  alertmanagers:\n    - static_configs:\n        - targets: [alertmanager:9093]\n",
        "",
        "global:",
    ),
    ("an alert on a job that nobody scrapes", ALERTS, 'up{job="unified-service"} == 0', 'up{job="api"} == 0', ""),
    ("a metric that nobody exports", ALERTS, "redis_up == 0 or absent(redis_up)", "redis_connected == 0", ""),
    (
        "a metric that the application does not export",
        ALERTS,
        "http_request_duration_seconds_bucket",
        "http_server_duration_seconds_bucket",
        "",
    ),
    (
        "a ratio of each series to itself",
        ALERTS,
        '100 * sum(rate(http_requests_total{job="unified-service",status=~"5.."}[5m]))\n          / sum(rate(http_requests_total{job="unified-service"}[5m])) > 5',
        '100 * rate(http_requests_total{job="unified-service",status=~"5.."}[5m])\n          / rate(http_requests_total{job="unified-service"}[5m]) > 5',
        "HighAPIErrorRate|expr",
    ),
    (
        "sides that cannot match",
        ALERTS,
        "100 * sum by (server) (pg_stat_activity_count) / max by (server) (pg_settings_max_connections)",
        "100 * sum by (datname) (pg_stat_activity_count) / max by (server) (pg_settings_max_connections)",
        "",
    ),
    ("a quantile without its buckets", ALERTS, "sum by (le) (rate(http_request", "sum by (job) (rate(http_request", ""),
    (
        "a window shorter than two scrapes",
        ALERTS,
        'http_requests_total{job="unified-service"}[5m]',
        'http_requests_total{job="unified-service"}[30s]',
        "HighAPIErrorRate|expr",
    ),
    (
        "a counter compared as it is",
        ALERTS,
        'increase(kube_pod_container_status_restarts_total{namespace="insitechart"}[15m]) > 0',
        'kube_pod_container_status_restarts_total{namespace="insitechart"} > 3',
        "",
    ),
    (
        "the free space is above 90 %",
        ALERTS,
        '100 * (1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs"}\n          / node_filesystem_size_bytes{fstype!~"tmpfs|overlay|squashfs"}) > 90',
        '100 * node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs"}\n          / node_filesystem_size_bytes{fstype!~"tmpfs|overlay|squashfs"} > 90',
        "DiskSpaceLow|expr",
    ),
    (
        "a ratio compared with a percentage",
        ALERTS,
        "100 * (1 - node_memory_MemAvailable_bytes",
        "(1 - node_memory_MemAvailable_bytes",
        "",
    ),
    ("a label that the metric has not", ALERTS, 'status=~"5.."', 'code=~"5.."', "HighAPIErrorRate|expr"),
    (
        "a label that the result has not",
        ALERTS,
        'summary: "{{ $value | humanize }} % of the requests fail"',
        'summary: "{{ $labels.instance }} fails"',
        "",
    ),
    (
        "an expression that is none",
        ALERTS,
        "sum(rabbitmq_queue_messages) > 1000",
        "sum(rabbitmq_queue_messages > 1000",
        "",
    ),
    ("a receiver that is not there", MANAGER, "    - receiver: on-call", "    - receiver: oncall", ""),
    (
        "a receiver that tells nobody",
        MANAGER,
        "  - name: on-call\n    email_configs:\n      - to: on-call@insitechart.com\n        from: alertmanager@insitechart.com\n        smarthost: mail.insitechart.com:587\n",
        "  - name: on-call\n",
        "",
    ),
    (
        "nobody scrapes the application",
        PROMETHEUS,
        "      - targets: [unified-service:8000]",
        "      - targets: []",
        "job_name: unified-service",
    ),
    (
        "the exporter is not deployed any more",
        "k8s/exporters.yaml",
        "  name: redis-exporter\n  namespace: insitechart\nspec:\n  selector",
        "  name: cache-exporter\n  namespace: insitechart\nspec:\n  selector",
        "redis-exporter:9121",
        PROMETHEUS,
    ),
]

CHECKED = '    kube exec "$pod" -- curl -fsS --max-time 5 http://localhost:8000/health > /dev/null || return 1'
IF_DEVELOP = "if: github.ref == 'refs/heads/develop'"
CHECKOUT = """      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          persist-credentials: false
"""
LOGIN = """      - uses: docker/login-action@184bdaa0721073962dff0199f1fb9940f07167d1 # v3.5.0
        with:
          registry: ghcr.io
          username: ${{ github.actor }}
          password: ${{ secrets.GITHUB_TOKEN }}
"""
CREDENTIALS = """      - name: Who may deploy
        run: |
          umask 077
          mkdir -p "$HOME/.kube"
          printf '%s' "$KUBECONFIG_CONTENT" > "$HOME/.kube/config"
        env:
          KUBECONFIG_CONTENT: ${{ secrets.STAGING_KUBECONFIG }}
"""

SCRIPTS = [
    ("one healthy pod is enough", ROLLING, CHECKED, CHECKED.replace("|| return 1", "&& return 0"), ""),
    ("a health check that any answer passes", ROLLING, "curl -fsS --max-time", "curl -sS --max-time", ""),
    (
        "no pod is ready, and that passes",
        ROLLING,
        '[ "${ready:-0}" = "$wanted" ] || roll_back "${ready:-0} of $wanted replicas are ready"',
        'if [ "$ready" -ne "$wanted" ]; then\n  roll_back "$ready of $wanted replicas are ready"\nfi',
        'if [ "$ready"',
    ),
    (
        "a rollback that nobody waits for",
        ROLLING,
        '  kube rollout status "deployment/$DEPLOYMENT" --timeout=300s\n',
        "",
        "kube rollout undo",
    ),
    (
        "a rollback that counts as success",
        ROLLING,
        "--timeout=300s\n  exit 1\n",
        "--timeout=300s\n  exit 0\n",
        "  exit 0\n}",
    ),
    ("a timeout without a unit", ROLLING, "--timeout=600s", "--timeout=600", ""),
    (
        "another rollout is watched",
        ROLLING,
        'kube rollout status "deployment/$DEPLOYMENT" --timeout=600s',
        "kube rollout status deployment/redis --timeout=600s",
        "",
    ),
    ("all tries in one moment", ROLLING, "  sleep 10\n", "", "for attempt"),
    ("a variable is misspelt", ROLLING, '= "$wanted" ]', '= "$wnated" ]', ""),
    ("the script asks its own machine", ROLLING, 'kube exec "$pod" -- curl -fsS', "curl -fsS", ""),
    (
        "the pods have no curl",
        IMAGE,
        "--no-install-recommends curl",
        "--no-install-recommends ca-certificates",
        "curl -fsS",
        ROLLING,
    ),
    (
        "it says that it failed, and looks good",
        ROLLING,
        'roll_back "not all replicas were healthy within 5 minutes"\n',
        'kube get pods\necho "not healthy" >&2\n',
        "kube get pods\n",
    ),
    ("the same image every time", ROLLING, "unified-service:$VERSION", "unified-service:latest", ""),
    (
        "nobody looks at the health",
        ROLLING,
        '    exit 0\n  fi\n  sleep 10\ndone\nroll_back "not all replicas were healthy within 5 minutes"\n',
        '    break\n  fi\n  sleep 10\ndone\necho "deployed $IMAGE"\n',
        "for attempt",
    ),
    (
        "the rollback hangs on the health check alone",
        ROLLING,
        ' --timeout=600s || roll_back "the rollout did not complete"',
        " --timeout=600s",
        "--timeout=600s",
    ),
    (
        "the service is switched to pods that are not there",
        BLUE_GREEN,
        '"selector": {"app": "unified-service-green"}',
        '"selector": {"app": "unified-green"}',
        "",
    ),
    ("the standby has another name", ACTIVATE, "statefulset/postgres-replica", "statefulset/postgres-standby", ""),
    (
        "the second site waits for another name",
        ACTIVATE,
        "rollout status deployment/unified-service",
        "rollout status deployment/api",
        "",
    ),
    (
        "a rollback that is never reached",
        ROLLING,
        'kube rollout status "deployment/$DEPLOYMENT" --timeout=600s || roll_back "the rollout did not complete"',
        'kube rollout status "deployment/$DEPLOYMENT" --timeout=600s\nif [ $? -ne 0 ]; then\n  roll_back "the rollout did not complete"\nfi',
        "if [ $? -ne 0 ]",
    ),
    ("a Deployment that is not there", ROLLING, "DEPLOYMENT=unified-service", "DEPLOYMENT=api-service", ""),
    ("a container that is not there", ROLLING, '"unified-service=$IMAGE"', '"api=$IMAGE"', ""),
    ("a namespace that is not there", ROLLING, "NAMESPACE=insitechart", "NAMESPACE=insite-chart", ""),
    (
        "another image than the pipeline pushes",
        ROLLING,
        "ghcr.io/insitechart/unified-service:$VERSION",
        "docker.io/insitechart/unified-service:$VERSION",
        "",
    ),
    ("labels that no pod has", ROLLING, "-l app=unified-service", "-l app=api", ""),
    (
        "a health check of another port in the pods",
        ROLLING,
        "http://localhost:8000/health >",
        "http://localhost:8080/health >",
        "",
    ),
    (
        "a failed deployment that looks good",
        ROLLING,
        'roll_back "not all replicas were healthy within 5 minutes"\n',
        'echo "gave up"\n',
        "",
    ),
    (
        "the environment is not used",
        ROLLING,
        'kubectl --context "insitechart-$ENVIRONMENT" --namespace',
        "kubectl --namespace",
        "",
    ),
    (
        "a dump whose failure is lost",
        BACKUP,
        'pg_dump -h "$DB_HOST" -p "$DB_PORT" -U "$DB_USER" -d "$DB_NAME" -F c -Z 6 -f "$file.part"',
        'set +o pipefail\npg_dump -h "$DB_HOST" -p "$DB_PORT" -U "$DB_USER" -d "$DB_NAME" -F c | cat > "$file.part"',
        "| cat >",
    ),
    (
        "backups that stay where they are",
        BACKUP,
        'rclone copy "$file" "$BACKUP_REMOTE"\nrclone copy "$file.sha256" "$BACKUP_REMOTE"\n',
        "",
        "pg_dump",
    ),
    ("backups that nobody ever looked at", BACKUP, 'pg_restore --list "$file.part" > /dev/null\n', "", "pg_dump"),
    ("old backups go first, under another name", BACKUP, "-name 'insitechart_*.dump*'", "-name '*.sql.gz'", ""),
    (
        "a password that is not given",
        BACKUP,
        ': "${PGPASSWORD:?the password of $DB_USER}"\n',
        "unset PGPASSWORD\n",
        "pg_dump",
    ),
    ("no restore", RESTORE, "pg_restore -h", "echo pg_restore -h", "pg_dump", BACKUP),
    ("the restore looks for another name", RESTORE, "--include 'insitechart_*.dump'", "--include 'backup-*.sql'", ""),
    ("a backup a day", BACKUP_JOB, '"*/10 * * * *"', '"0 2 * * *"', ""),
    (
        "a backup of a database that is not there",
        BACKUP,
        'DB_NAME="${DB_NAME:-insitechart}"',
        'DB_NAME="${DB_NAME:-charts}"',
        "",
    ),
]

PIPELINES = [
    ("another password than the service has", WORKFLOW, "postgres:only-for-this-job@", "postgres:postgres@", ""),
    ("a name that only containers know", WORKFLOW, "@localhost:5432", "@postgres:5432", ""),
    ("waits for a job that is not there", WORKFLOW, "needs: test\n", "needs: tests\n", ""),
    (
        "deploys a tag that nobody pushes",
        WORKFLOW,
        './deploy-rolling.sh staging "$GITHUB_SHA"',
        './deploy-rolling.sh staging "$GITHUB_REF_NAME"',
        "",
    ),
    (
        "an environment that the script refuses",
        WORKFLOW,
        "./deploy-rolling.sh production",
        "./deploy-rolling.sh prod",
        "",
    ),
    (
        "an argument is missing",
        WORKFLOW,
        './deploy-rolling.sh staging "$GITHUB_SHA"',
        "./deploy-rolling.sh staging",
        "",
    ),
    ("no cluster is told", WORKFLOW, CREDENTIALS, "", "./deploy-rolling.sh staging"),
    ("nobody signs in at the registry", WORKFLOW, LOGIN, "", "tags: ${{ env.IMAGE }}"),
    (
        "signs in at another registry",
        WORKFLOW,
        "          registry: ghcr.io\n          username",
        "          username",
        "tags: ${{ env.IMAGE }}",
    ),
    (
        "the repository is not there",
        WORKFLOW,
        f"    concurrency: deploy-staging\n    steps:\n{CHECKOUT}",
        "    concurrency: deploy-staging\n    steps:\n",
        "./deploy-rolling.sh staging",
    ),
    ("a condition that is always true", WORKFLOW, IF_DEVELOP, "if: ${{ github.ref }} == 'refs/heads/develop'", ""),
    ("a secret in a condition", WORKFLOW, IF_DEVELOP, "if: secrets.STAGING_KUBECONFIG != ''", ""),
    (
        "deploys although the tests failed",
        WORKFLOW,
        IF_DEVELOP,
        "if: always() && github.ref == 'refs/heads/develop'",
        "",
    ),
    ("a version that is a number", WORKFLOW, 'python-version: "3.11"', "python-version: 3.10", ""),
    (
        "a variable made of another",
        WORKFLOW,
        "IMAGE: ghcr.io/insitechart/unified-service",
        "REGISTRY: ghcr.io\n  IMAGE: ${{ env.REGISTRY }}/insitechart/unified-service",
        "IMAGE: ${{",
    ),
    ("two deployments at once", WORKFLOW, "    concurrency: deploy-staging\n", "", "deploy-staging:"),
    (
        "a deployment that is broken off",
        WORKFLOW,
        "    concurrency: deploy-staging\n",
        "    concurrency:\n      group: deploy-staging\n      cancel-in-progress: true\n",
        "cancel-in-progress",
    ),
    (
        "a secret under another name",
        WORKFLOW,
        "KUBECONFIG_CONTENT: ${{ secrets.STAGING",
        "KUBECONFIG_TEXT: ${{ secrets.STAGING",
        "printf '%s'",
    ),
    (
        "a variable of another step",
        WORKFLOW,
        CREDENTIALS,
        '      - run: |\n          echo "${{ secrets.STAGING_KUBECONFIG }}" > kubeconfig\n          export KUBECONFIG=kubeconfig\n',
        "export KUBECONFIG",
    ),
    ("a machine that is gone", WORKFLOW, "runs-on: ubuntu-24.04", "runs-on: ubuntu-20.04", ""),
    ("another database is tested", WORKFLOW, "image: postgres:14", "image: postgres:12", ""),
    ("a password is missing", WORKFLOW, "          POSTGRES_PASSWORD: only-for-this-job\n", "", "image: postgres:14"),
    ("a tag of a step that is not there", WORKFLOW, "${{ github.sha }}", "${{ steps.meta.outputs.version }}", ""),
    ("requirements that are not there", WORKFLOW, "-r tests/requirements.txt", "-r requirements-dev.txt", ""),
    ("the script takes its words in another order", WORKFLOW, 'staging "$GITHUB_SHA"', '"$GITHUB_SHA" staging', ""),
    (
        "a deployment that deploys nothing",
        WORKFLOW,
        '- run: ./deploy-rolling.sh staging "$GITHUB_SHA"',
        '- run: echo "deploying to staging"',
        "deploy-staging:",
    ),
    ("a deployment before the tests", WORKFLOW, "  build:\n    needs: test\n", "  build:\n", "build:"),
    ("tests that cannot fail", WORKFLOW, "- run: pytest tests", "- run: pytest tests || true", ""),
    ("a push without the right", WORKFLOW, "      packages: write\n", "      packages: read\n", "packages: read"),
    ("a push for every pull request", WORKFLOW, "    if: github.event_name == 'push'\n", "", "push: true"),
    (
        "another image than is deployed",
        WORKFLOW,
        "IMAGE: ghcr.io/insitechart/unified-service",
        "IMAGE: ghcr.io/insitechart/api",
        "",
    ),
    ("a database that the service does not make", WORKFLOW, "@localhost:5432/insitechart", "@localhost:5432/test", ""),
    (
        "a port that is not published",
        WORKFLOW,
        'ports: ["6379:6379"]',
        'ports: ["6380:6379"]',
        "redis://localhost:6379",
    ),
    (
        "a service that is not awaited",
        WORKFLOW,
        '        options: --health-cmd "redis-cli ping" --health-interval 5s --health-timeout 5s --health-retries 10\n',
        "",
        "image: redis:7-alpine",
    ),
    ("a branch that starts nothing", WORKFLOW, "branches: [main, develop]", "branches: [main]", "refs/heads/develop"),
    (
        "a script that is not there",
        WORKFLOW,
        './deploy-rolling.sh production "$GITHUB_SHA"',
        './scripts/deploy.sh production "$GITHUB_SHA"',
        "",
    ),
    ("tests that are not there", WORKFLOW, "- run: pytest tests", "- run: pytest unit_tests", ""),
]

LOGS = [
    ("Filebeat sends elsewhere", "logging/filebeat.yml", "logstash:5044", "logstash:5000", ""),
    ("Filebeat sends to nobody", "logging/filebeat.yml", "logstash:5044", "log-stash:5044", ""),
    ("the pipeline sends to nobody", PIPELINE, "http://elasticsearch:9200", "http://elastic:9200", ""),
    ("a field is read into itself", PIPELINE, 'target => "user_agent"', 'target => "user_agent_string"', ""),
    (
        "every line that does not fit is marked",
        PIPELINE,
        '  if [message] =~ /client=/ {\n    grok {\n      match => { "message" => "client=%{IP:client_ip}" }\n      tag_on_failure => ["no_client_ip"]\n    }\n  }\n',
        '  grok {\n    match => { "message" => "client=%{IP:client_ip}" }\n  }\n',
        "grok {",
    ),
    (
        "every line is written to the console",
        PIPELINE,
        "output {\n",
        "output {\n  stdout { codec => rubydebug }\n",
        "stdout",
    ),
    (
        "a level that never comes",
        PIPELINE,
        'if [level] in ["ERROR", "CRITICAL"]',
        'if [level] in ["error", "critical"]',
        "",
    ),
    ("a tag that nobody gives", PIPELINE, 'if "error" in [tags]', 'if "errors" in [tags]', ""),
    (
        "Filebeat does not see the logs",
        LOGGING,
        "      - /var/lib/docker/containers:/var/lib/docker/containers:ro\n",
        "",
        "filebeat:\n    <<",
    ),
    ("logs that are kept for ever", LOGGING, '    volumes: ["./retention.sh:/retention.sh:ro"]\n', "", ""),
    (
        "Logstash has no password",
        PIPELINE,
        '    user => "elastic"\n    password => "${ELASTIC_PASSWORD}"\n',
        "",
        "elasticsearch {",
    ),
]

DISASTERS = [
    ("the minutes are more than the RTO", RECOVERY, "Recover (30 min)", "Recover (60 min)", "Database failure\n\n1."),
    ("an RPO that the backups do not keep", RECOVERY, "| 1 h | 15 min |", "| 1 h | 5 min |", "schedule", BACKUP_JOB),
    ("two RTOs for one disaster", RECOVERY, "### Database failure\n", "### Database failure\n\nRTO: 4 h\n", ""),
    (
        "the standby does not stream",
        "k8s/postgres-replica.yaml",
        "-X stream -R",
        "-X stream",
        "streaming replica",
        RECOVERY,
    ),
    ("Compose keeps nothing that Kubernetes keeps", COMPOSE, '"--appendonly", "yes", ', "", ""),
    ("another database version on Kubernetes", POSTGRES, "image: postgres:14", "image: postgres:16", ""),
    (
        "a variable that only Compose has",
        APP,
        "            - name: SECRET_KEY\n              valueFrom: {secretKeyRef: {name: insitechart-secrets, key: SECRET_KEY}}\n",
        "",
        "",
    ),
]

# What no rule finds yet; each has to be found in the end, and is struck out here when it is.
OPEN = {
    "the container's port is another than the application's",
    "two databases that know nothing of each other",
    "the probe asks a path that is not there",
    "the DSN names a database that nobody makes",
    "rules that are not loaded",
    "a metric that nobody exports",
    "nobody scrapes the application",
    *(row[0] for rows in (COMPOSE_FILES, IMAGES, LOGS, DISASTERS) for row in rows),
    *(row[0] for row in SCRIPTS if row[1] in (BACKUP, RESTORE, BACKUP_JOB)),
}
GROUPS = (KUBERNETES, COMPOSE_FILES, IMAGES, METRICS, SCRIPTS, PIPELINES, LOGS, DISASTERS)
DEFECTS = [Defect(*row) for rows in GROUPS for row in rows]
