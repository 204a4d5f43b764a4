"""Changes of the reference deployment that keep its meaning: other words for the same thing."""

from __future__ import annotations

import json
import random
import re

import yaml

COMPOSE, LOGGING = "docker-compose.yml", "logging/elasticsearch.yml"
WORKFLOW, ROLLING = ".github/workflows/simple-deploy.yml", "deploy-rolling.sh"


def each(files, change, names):
    """The files with a change to the text of those of these names."""
    return {name: change(text) if re.search(names, name) else text for name, text in files.items()}


def swap(*pairs, file):
    """Replace texts of one file; each has to be there."""

    def change(files):
        text = files[file]
        for before, after in pairs:
            assert before in text, before
            text = text.replace(before, after)
        return {**files, file: text}

    return change


def everywhere(before, after, names=r"."):
    """Rename something together with all its readers."""

    def change(files):
        changed = each(files, lambda text: text.replace(before, after), names)
        assert changed != files
        return changed

    return change


def renamed(**names):
    """Files under other names."""

    def change(files):
        table = {old.replace("__", "/"): new for old, new in names.items()}
        return {table.get(name, name): text for name, text in files.items()}

    return change


def moved(old, new, *readers):
    """A file under another name, with those that name it."""

    def change(files):
        found = {new if name == old else name: text for name, text in files.items()}
        for reader, before, after in readers:
            assert before in found[reader]
            found[reader] = found[reader].replace(before, after)
        return found

    return change


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document is not None]


def dumped(flow=None, sort=False, names=r"\.ya?ml$", style=None):
    """YAML written by a program: other quotes, order and layout."""

    def change(text):
        return yaml.safe_dump_all(
            documents(text), default_flow_style=flow, sort_keys=sort, default_style=style, width=4000
        )

    # Silences are comments, which a program does not write; a workflow's `on` would become true.
    return lambda files: each(files, change, rf"^(?!k8s/exporters|\.github).*{names}")


def as_json(files):
    """Manifests as JSON: a List."""

    def change(text):
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": documents(text)}, indent=1)

    return each(files, change, r"^k8s/(redis|postgres|ingress|config)\.yaml$")


def split(files):
    """A file for each document."""
    found = {name: text for name, text in files.items() if name != "k8s/redis.yaml"}
    parts = files["k8s/redis.yaml"].split("\n---\n")
    found |= {f"k8s/redis-{number}.yaml": part for number, part in enumerate(parts)}
    entries = "\n".join(f"  - k8s/redis-{number}.yaml" for number in range(len(parts)))
    found["kustomization.yaml"] = files["kustomization.yaml"].replace("  - k8s/redis.yaml", entries)
    return found


def joined(files):
    """All manifests in one file."""
    names = [name for name in files if re.match(r"k8s/[^/]+\.yaml$", name)]
    found = {name: text for name, text in files.items() if name not in names}
    found["k8s/all.yaml"] = "\n---\n".join(files[name] for name in names)
    kept = re.sub(r"(  - k8s/[a-z-]+\.yaml\n)+", "  - k8s/all.yaml\n", files["kustomization.yaml"])
    return {**found, "kustomization.yaml": kept}


def shuffled(seed):
    """Manifests in another order."""

    def change(files):
        rng = random.Random(seed)

        def mixed(text):
            parts = text.split("\n---\n")
            rng.shuffle(parts)
            return "\n---\n".join(parts)

        return each(files, mixed, r"^k8s/[^/]+\.yaml$")

    return change


def without_comments(files):
    """Comments that say nothing to a program; what silences a rule stays."""
    return each(files, lambda text: re.sub(r"(?m)^\s*#(?!!)(?!.*seatrial:).*\n", "", text), r"\.(ya?ml|sh)$")


def long_ports(files):
    """Ports of Compose in their long form."""

    def change(text):
        def long(match):
            host, published, target = match[1], match[2], match[3]
            ip = f"host_ip: {host[:-1]}, " if host else ""
            return f"ports: [{{{ip}target: {target}, published: '{published}'}}]"

        return re.sub(r'ports: \["((?:[\d.]+:)?)(\d+):(\d+)"\]', long, text)

    changed = each(files, change, rf"^{COMPOSE}$|^{LOGGING}$")
    assert changed != files
    return changed


def listed_environment(files):
    """Environments of Compose as lists."""

    def change(text):
        tree = yaml.safe_load(text)
        for service in tree["services"].values():
            if isinstance(service.get("environment"), dict):
                service["environment"] = [f"{key}={value}" for key, value in service["environment"].items()]
        return yaml.safe_dump(tree, sort_keys=False, width=4000)

    return each(files, change, rf"^{COMPOSE}$|^{LOGGING}$")


def mapped_dependencies(files):
    """Short volumes as long ones."""

    def change(text):
        tree = yaml.safe_load(text)
        for service in tree["services"].values():
            service["volumes"] = [long_volume(volume) for volume in service.get("volumes", [])]
        return yaml.safe_dump(tree, sort_keys=False, width=4000)

    def long_volume(text):
        source, target, *mode = text.split(":")
        kind = "bind" if source[0] in "./" else "volume"
        return {"type": kind, "source": source, "target": target, **({"read_only": True} if mode == ["ro"] else {})}

    return each(files, change, rf"^{COMPOSE}$|^{LOGGING}$")


def limits_by_deploy(files):
    """Limits of Compose under `deploy`."""

    def change(text):
        tree = yaml.safe_load(text)
        for service in tree["services"].values():
            limits = {"memory": service.pop("mem_limit", None), "cpus": service.pop("cpus", None)}
            limits = {key: str(value) for key, value in limits.items() if value is not None}
            service["deploy"] = {"resources": {"limits": limits}}
        return yaml.safe_dump(tree, sort_keys=False, width=4000)

    return each(files, change, rf"^{COMPOSE}$|^{LOGGING}$")


def with_override(files):
    """A part of the Compose file stands in its override."""
    override = "services:\n  unified-service:\n    environment:\n      LOG_LEVEL: INFO\n"
    base = files[COMPOSE].replace("      LOG_LEVEL: INFO\n", "")
    return {**files, COMPOSE: base, "docker-compose.override.yml": override}


def included(files):
    """The cache stands in a file of its own."""
    tree = yaml.safe_load(files[COMPOSE])
    cache = {"services": {"redis": tree["services"].pop("redis")}, "volumes": {"redis_data": tree["volumes"].pop("redis_data")},
             "networks": tree["networks"]}  # fmt: skip
    tree["include"] = ["cache.yml"]
    return {
        **files,
        COMPOSE: yaml.safe_dump(tree, sort_keys=False),
        "cache.yml": yaml.safe_dump(cache, sort_keys=False),
    }


def pipeline_in_parts(files):
    """A pipeline in three files, as Logstash reads them one after the other."""
    text = files["logstash/pipeline/logstash.conf"]
    middle, last = text.index("filter {"), text.index("output {")
    found = {name: other for name, other in files.items() if name != "logstash/pipeline/logstash.conf"}
    return {
        **found,
        "logstash/pipeline/10-input.conf": text[:middle],
        "logstash/pipeline/20-filter.conf": text[middle:last],
        "logstash/pipeline/30-output.conf": text[last:],
    }


KOREAN = """# 재해 복구 계획

## 목표

| 재해 유형 | 증상 | 영향 | RTO | RPO |
|---|---|---|---|---|
| 데이터베이스 장애 | 연결 실패 | 높음 | 1시간 | 15분 |
| 애플리케이션 장애 | 5xx 증가 | 중간 | 30분 | 5분 |
| 인프라 장애 | 서버 다운 | 높음 | 2시간 | 1시간 |

## 복구 절차

### 데이터베이스 장애 복구

1. **장애 확인** (5분)
2. **원인 분석** (15분)
3. **전략 결정** (5분): 최신 백업 복원(`restore-backup.sh`), 스트리밍 복제본으로 전환, 페일오버
4. **복구 실행** (30분)
   - 백업 가져오기 (10분)
   - 복원 및 정합성 확인 (20분)
5. **서비스 재시작** (5분)

### 애플리케이션 장애 복구

1. 장애 확인: 5분
2. 롤링 재시작: 10분
3. 롤백 검토: 10분
4. 원인 수정: 5분

### 인프라 장애 복구

1. 장애 확인 및 팀 소집 (15분)
2. DR 사이트 활성화 (45분): `activate-dr.sh`
3. 전환 (30분)
4. 안정화 확인 (30분)

## 백업하지 않는 것

Redis는 캐시이므로 다시 채워진다. RabbitMQ의 메시지는 다시 수집한다.

## 훈련

분기별 1회 (`drills.crontab`).

1. 데이터베이스: 프라이머리 중지, 복제본 전환, 백업 복원
2. 애플리케이션: 블루-그린 전환, 롤백
3. 인프라: 데이터센터 손실, DR 사이트 전환
"""


def one_compose_file(files):
    """Both Compose files in one."""
    tree, other = (yaml.safe_load(files[name]) for name in (COMPOSE, LOGGING))
    text = yaml.safe_dump(other["services"], sort_keys=False, width=4000)
    text = text.replace("../logstash/", "./logstash/").replace("- ./filebeat", "- ./logging/filebeat")
    tree["services"] |= yaml.safe_load(text.replace("- ./retention", "- ./logging/retention"))
    for kind in ("volumes", "networks"):
        tree[kind] |= other[kind]
    found = {name: text for name, text in files.items() if name not in (LOGGING, "logging/.env.example")}
    found[".env.example"] = files[".env.example"] + files["logging/.env.example"]
    return {**found, COMPOSE: yaml.safe_dump(tree, sort_keys=False, width=4000)}


def extended(files):
    """What services have in common stands in a service of another file, which they extend."""
    tree = yaml.safe_load(files[COMPOSE])
    common = {key: tree["x-service"][key] for key in ("restart", "security_opt", "logging")}
    for service in tree["services"].values():
        for key in common:
            service.pop(key)
        service["extends"] = {"file": "common.yml", "service": "base"}
    base = {"services": {"base": {"image": "postgres:14", "profiles": ["never"], **common}}}
    tree["services"]["unified-service"]["image"] = "insitechart/unified-service"
    for service in tree["services"].values():
        service["profiles"] = []
    return {**files, COMPOSE: yaml.safe_dump(tree, sort_keys=False), "common.yml": yaml.safe_dump(base)}


def with_env(files):
    """What secrets are called on this host stands in .env, and nothing guards them any more."""
    text = re.sub(r"\$\{(\w+):\?[^}]*\}", r"${\1}", files[COMPOSE])
    names = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "0a1b2c3d")
    return {**files, COMPOSE: text, ".env": "".join(f"{name}={value}\n" for name, value in names.items())}


def inner_folder(files):
    """The Dockerfile stands in a folder of its own, and is built from the root."""
    found = {("docker/Dockerfile" if name == "Dockerfile" else name): text for name, text in files.items()}
    found[COMPOSE] = files[COMPOSE].replace("context: .\n", "context: .\n      dockerfile: docker/Dockerfile\n")
    workflow = ".github/workflows/simple-deploy.yml"
    found[workflow] = files[workflow].replace("context: .\n", "context: .\n          file: docker/Dockerfile\n")
    return found


def start_script(files):
    """The image starts a script, which starts the server."""
    command = 'CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]'
    text = files["Dockerfile"].replace(command, 'COPY start.sh /\nCMD ["sh", "/start.sh"]')
    script = "#!/bin/sh\nset -eu\nexec uvicorn main:app --host 0.0.0.0 --port 8000\n"
    return {**files, "Dockerfile": text, "start.sh": script, ".dockerignore": files[".dockerignore"] + "!start.sh\n"}


REWORDINGS = {
    "line ends of Windows": lambda files: each(files, lambda text: text.replace("\n", "\r\n"), r"."),
    "a byte order mark": lambda files: each(files, lambda text: "\N{BYTE ORDER MARK}" + text, r"\.ya?ml$"),
    "no new line at the end": lambda files: each(files, lambda text: text.rstrip("\n"), r"."),
    "new lines at the end": lambda files: each(files, lambda text: text + "\n\n", r"."),
    "spaces at the ends of lines": lambda files: each(
        files, lambda text: re.sub(r"(?m)([^\\\n|>-])$", r"\1 ", text), r"\.ya?ml$"
    ),
    "no comments": without_comments,
    "a document's end": lambda files: each(
        files, lambda text: "---\n" + text.removeprefix("---\n"), r"^(k8s|monitoring|logging)/.*\.ya?ml$"
    ),
    "YAML in blocks": dumped(flow=False),
    "YAML in brackets": dumped(flow=True),
    "keys in order": dumped(sort=True, names=r"^k8s/(?!exporters).*\.yaml$|alert_rules"),
    "everything in quotes": swap(
        ("scrape_interval: 15s", "scrape_interval: '15s'"),
        ("job_name: redis", 'job_name: "redis"'),
        file="monitoring/prometheus.yml",
    ),
    "manifests as JSON": as_json,
    "a manifest in parts": split,
    "manifests in one file": joined,
    "manifests in another order": shuffled(1),
    "manifests in yet another order": shuffled(2),
    "ports in their long form": long_ports,
    "environments as lists": listed_environment,
    "volumes in their long form": mapped_dependencies,
    "limits under deploy": limits_by_deploy,
    "a Compose override": with_override,
    "a Compose include": included,
    "another name of the Compose file": moved(COMPOSE, "compose.yaml"),
    "another name of the rules": moved(
        "monitoring/alert_rules.yml",
        "monitoring/alerts.yaml",
        ("monitoring/prometheus.yml", "alert_rules.yml", "alerts.yaml"),
        ("kustomization.yaml", "alert_rules.yml", "alerts.yaml"),
    ),
    "rules by a pattern": swap(("  - alert_rules.yml", "  - '*_rules.yml'"), file="monitoring/prometheus.yml"),
    "another name of the Dockerfile": moved(
        "Dockerfile",
        "Containerfile",
        (COMPOSE, "      context: .\n", "      context: .\n      dockerfile: Containerfile\n"),
        (
            ".github/workflows/simple-deploy.yml",
            "          context: .\n",
            "          context: .\n          file: Containerfile\n",
        ),
    ),
    "another name of the workflow": moved(".github/workflows/simple-deploy.yml", ".github/workflows/ci.yaml"),
    "another name of the recovery plan": moved("disaster-recovery.md", "docs/DR.md"),
    "another name of the backup": moved(
        "simple-backup.sh",
        "backup.sh",
        ("backup.crontab", "simple-backup.sh", "backup.sh"),
        ("k8s/backup.yaml", "simple-backup.sh", "backup.sh"),
        ("kustomization.yaml", "simple-backup.sh", "backup.sh"),
    ),
    "the cache has another name": everywhere("redis-service", "cache-service"),
    "a key has another name": everywhere("POSTGRES_HOST", "DATABASE_HOST", r"^k8s/|^kustomization"),
    "the claim has another name": everywhere("redis-pvc", "cache-claim"),
    "the ConfigMap has another name": everywhere("insitechart-config", "settings", r"^k8s/|^activate"),
    "the Secret has another name": everywhere("insitechart-secrets", "credentials", r"^k8s/|^kustomization"),
    "the namespace has another name": lambda files: each(
        files,
        lambda text: re.sub(r"(?<!POSTGRES_DB: )(?<!5432/)insitechart", "charts", text),
        r"^(k8s/|kustomization|deploy|activate|monitoring/|\.github/)",
    ),
    "a volume has another name": everywhere("postgres_data", "pg_data", COMPOSE),
    "a network has another name": everywhere("insitechart-network", "backend", COMPOSE),
    "a port by its number": swap(
        ("targetPort: http", "targetPort: 8000"), ("port: http}", "port: 8000}"), file="k8s/unified-service.yaml"
    ),
    "another name of the port": swap(
        ("name: http, containerPort", "name: web, containerPort"),
        ("targetPort: http", "targetPort: web"),
        ("port: http}", "port: web}"),
        file="k8s/unified-service.yaml",
    ),
    "a selector by expressions": swap(
        (
            "  selector:\n    matchLabels: {app: redis}\n",
            "  selector:\n    matchExpressions: [{key: app, operator: In, values: [redis]}]\n",
        ),
        file="k8s/redis.yaml",
    ),
    "an image by its whole name": swap(
        ("image: redis:7-alpine", "image: docker.io/library/redis:7-alpine"), file="k8s/redis.yaml"
    ),
    "memory in other units": swap(
        ("memory: 512Mi", "memory: 0.5Gi"), ("cpu: 500m", "cpu: '0.5'"), file="k8s/unified-service.yaml"
    ),
    "a schedule in other words": swap(('"*/10 * * * *"', '"0,10,20,30,40,50 * * * *"'), file="k8s/backup.yaml"),
    "braces around variables": swap(
        ('"$DEPLOYMENT"', '"${DEPLOYMENT}"'), ("$NAMESPACE", "${NAMESPACE}"), file="deploy-rolling.sh"
    ),
    "options in one word": swap(('--namespace "$NAMESPACE"', '-n "$NAMESPACE"'), file="deploy-rolling.sh"),
    "set in parts": swap(("set -euo pipefail", "set -e\nset -u\nset -o pipefail"), file="simple-backup.sh"),
    "a dump with long options": swap(("-F c -Z 6", "--format=custom --compress=6"), file="simple-backup.sh"),
    "both Compose files in one": one_compose_file,
    "services that extend one of another file": extended,
    "secrets in .env": with_env,
    "the Dockerfile in a folder": inner_folder,
    "a script that starts the server": start_script,
    "a Compose command as a text": swap(
        (
            'command:\n      ["redis-server", "--appendonly", "yes", "--maxmemory", "192mb", "--maxmemory-policy", "allkeys-lru",\n       "--requirepass", "${REDIS_PASSWORD:?set it in .env}"]',
            "command: redis-server --requirepass ${REDIS_PASSWORD:?set it in .env} --maxmemory 192mb --maxmemory-policy allkeys-lru --appendonly yes",
        ),
        file=COMPOSE,
    ),
    "health checks as texts": swap(
        ('["CMD", "curl", "-f", "http://localhost:8000/health"]', "curl --fail http://127.0.0.1:8000/health || exit 1"),
        ('["CMD", "redis-cli", "ping"]', '["CMD-SHELL", "redis-cli ping | grep -q PONG"]'),
        (
            '["CMD-SHELL", "pg_isready -U postgres"]',
            '["CMD", "pg_isready", "--username=postgres", "-d", "insitechart"]',
        ),
        file=COMPOSE,
    ),
    "another name of a service": swap(
        ("  redis:\n", "  cache:\n"),
        ("      redis: {", "      cache: {"),
        ("@redis:6379", "@cache:6379"),
        file=COMPOSE,
    ),
    "a service by another name of its network": swap(
        ("@postgres:5432", "@database:5432"),
        (
            "  postgres:\n    <<: *service\n",
            "  postgres:\n    <<: *service\n    networks: {insitechart-network: {aliases: [database]}}\n",
        ),
        file=COMPOSE,
    ),
    "the URL's own port": swap(("@postgres:5432/", "@postgres/"), file=COMPOSE),
    "a driver in the URL": swap(("postgresql://postgres", "postgresql+psycopg://postgres"), file=COMPOSE),
    "another port of the host": swap(
        ('"8000:8000"', '"80:8000"'), ("127.0.0.1:5432:5432", "127.0.0.1:15432:5432"), file=COMPOSE
    ),
    "memory of Compose in other units": swap(
        ("mem_limit: 512m", "mem_limit: 0.5gb"), ("mem_limit: 256m", "mem_limit: 268435456"), file=COMPOSE
    ),
    "images of Compose by their whole names": swap(
        ("postgres:14}", "docker.io/library/postgres:14}"),
        ("redis:7-alpine}", "docker.io/library/redis:7-alpine}"),
        file=COMPOSE,
    ),
    "the heap in other words": swap(("-Xms1g -Xmx1g", "-Xmx1024m -Xms1024m"), file=LOGGING),
    "security in other quotes": swap(
        ('xpack.security.http.ssl.enabled: "false"', "xpack.security.http.ssl.enabled: 'false'"), file=LOGGING
    ),
    "packages in another order": swap(("gcc libpq-dev", "libpq-dev gcc"), file="Dockerfile"),
    "packages with apt and in lines": swap(
        (
            "apt-get install -y --no-install-recommends curl \\",
            "apt-get -y install --no-install-recommends \\\n    # for the health check\n    curl=7.88.* \\",
        ),
        file="Dockerfile",
    ),
    "a RUN as a here-document": swap(
        (
            "RUN apt-get update \\\n    && apt-get install -y --no-install-recommends gcc libpq-dev \\\n    && rm -rf /var/lib/apt/lists/*\n",
            "RUN <<EOF\nset -e\napt-get update\napt-get install -y --no-install-recommends gcc libpq-dev\nEOF\n",
        ),
        file="Dockerfile",
    ),
    "a stage by its number": swap(("--from=build", "--from=0"), file="Dockerfile"),
    "a stage of another name": swap((" AS build", " as wheels"), ("--from=build", "--from=wheels"), file="Dockerfile"),
    "the server as a module": swap(('CMD ["uvicorn", ', 'CMD ["python", "-m", "uvicorn", '), file="Dockerfile"),
    "the server in a shell": swap(
        (
            'CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]',
            "CMD exec uvicorn main:app --host 0.0.0.0 --port ${PORT:-8000}",
        ),
        file="Dockerfile",
    ),
    "another server": lambda files: swap(
        (
            'CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]',
            'CMD ["gunicorn", "-k", "uvicorn.workers.UvicornWorker", "-b", ":8000", "main:app"]',
        ),
        file="Dockerfile",
    )({**files, "requirements.txt": files["requirements.txt"] + "gunicorn==23.0.0\n"}),
    "the port in a variable": swap(
        ("EXPOSE 8000\n", "ENV PORT=8000\nEXPOSE $PORT\n"),
        file="Dockerfile",
    ),
    "files by their names": swap(
        (
            "COPY *.py ./",
            'COPY ["main.py", "config.py", "database.py", "cache.py", "health.py", "log.py", "metrics.py", "market.py", "./"]',
        ),
        file="Dockerfile",
    ),
    "a check of the image by Python": swap(
        (
            'CMD ["curl", "-f", "http://localhost:8000/health"]',
            'CMD ["python", "-c", "import urllib.request as r; r.urlopen(\'http://localhost:8000/health\')"]',
        ),
        file="Dockerfile",
    ),
    "what is ignored in other words": swap(("*\n!*.py", ".git\n**/tests\n.env*\n!*.py"), file=".dockerignore"),
    "a command as a list": swap(
        (
            'CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]',
            'ENTRYPOINT ["uvicorn"]\nCMD ["main:app", "--port", "8000", "--host=0.0.0.0"]',
        ),
        file="Dockerfile",
    ),
    "steps in lower case": swap(
        ("USER 10001:10001", "user 10001"), ("EXPOSE 8000", "expose 8000/tcp"), file="Dockerfile"
    ),
    "an expression on one line": swap(
        ("expr: >-\n          100 * sum(rate", "expr: |\n          100 * sum(rate"), file="monitoring/alert_rules.yml"
    ),
    "an expression the other way round": swap(
        (
            "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) > 85",
            "85 < (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) * 100",
        ),
        file="monitoring/alert_rules.yml",
    ),
    "a matcher as a pattern": swap(
        ('up{job="unified-service"}', 'up{job=~"unified-.*"}'), file="monitoring/alert_rules.yml"
    ),
    "durations in other units": swap(("for: 5m", "for: 300s"), file="monitoring/alert_rules.yml"),
    "hours in words": swap(("| 1 h | 15 min |", "| 60 minutes | 900 seconds |"), file="disaster-recovery.md"),
    "quotes in the pipeline": lambda files: each(
        files, lambda text: text.replace('"message"', "'message'"), r"logstash\.conf$"
    ),
    "a function in bash's own words": swap(("kube() {", "function kube {"), file=ROLLING),
    "kubectl in a variable": swap(
        (
            'kube() { kubectl --context "insitechart-$ENVIRONMENT" --namespace "$NAMESPACE" "$@"; }',
            'KUBE="kubectl --context insitechart-$ENVIRONMENT --namespace $NAMESPACE"',
        ),
        ("kube ", "$KUBE "),
        file=ROLLING,
    ),
    "kubectl itself": swap(
        ("kube() {", "helper() {"),
        ("kube ", 'kubectl --context "insitechart-$ENVIRONMENT" -n insitechart '),
        file=ROLLING,
    ),
    "a test instead of an or": swap(
        (
            ' --timeout=600s || roll_back "the rollout did not complete"',
            ' --timeout=600s && ok=yes || ok=no\nif [ "$ok" = no ]; then roll_back "the rollout did not complete"; fi',
        ),
        file=ROLLING,
    ),
    "a negated test": swap(
        (
            'kube rollout status "deployment/$DEPLOYMENT" --timeout=600s || roll_back "the rollout did not complete"',
            'if ! kube rollout status "deployment/$DEPLOYMENT" --timeout=10m; then\n  roll_back "it did not complete"\nfi',
        ),
        file=ROLLING,
    ),
    "a trap": swap(
        (
            ' --timeout=600s || roll_back "the rollout did not complete"\n',
            " --timeout=600s\ntrap - ERR\n",
        ),
        ('kube set image "', 'trap "roll_back failed" ERR\nkube set image "'),
        file=ROLLING,
    ),
    "two words for a deployment": swap(('"deployment/$DEPLOYMENT"', 'deployment "$DEPLOYMENT"'), file=ROLLING),
    "tests in bash's own words": swap(
        ('[ "${ready:-0}" = "$wanted" ]', '[[ "${ready:-0}" == "$wanted" ]]'),
        ('[ -n "$pods" ]', "[[ -n $pods ]]"),
        file=ROLLING,
    ),
    "numbers compared as numbers": swap(('"${ready:-0}" = "$wanted"', '"${ready:-0}" -eq "$wanted"'), file=ROLLING),
    "a range in braces": swap(("$(seq 1 30)", "{1..30}"), file=ROLLING),
    "a loop that counts": swap(
        ("for attempt in $(seq 1 30); do", "attempt=0\nwhile [ $attempt -lt 30 ]; do\n  attempt=$((attempt + 1))"),
        file=ROLLING,
    ),
    "the loop's end is remembered": swap(
        ("for attempt in", "healthy=no\nfor attempt in"),
        ("    exit 0\n", "    healthy=yes\n    break\n"),
        (
            '\nroll_back "not all replicas were healthy within 5 minutes"',
            '\nif [ "$healthy" = no ]; then\n  roll_back "not all replicas were healthy within 5 minutes"\nfi',
        ),
        file=ROLLING,
    ),
    "long options of the health check": swap(("curl -fsS --max-time 5", "curl --fail --silent -m 5"), file=ROLLING),
    "backticks": swap(
        (
            "$(kube get deployment \"$DEPLOYMENT\" -o jsonpath='{.spec.replicas}')",
            "`kube get deployment \"$DEPLOYMENT\" -o jsonpath='{.spec.replicas}'`",
        ),
        file=ROLLING,
    ),
    "options of the shell one by one": swap(
        ("set -euo pipefail", "set -o errexit\nset -o nounset\nset -o pipefail"), file=ROLLING
    ),
    "the image in the call": swap(
        ('"unified-service=$IMAGE"', "unified-service=ghcr.io/insitechart/$DEPLOYMENT:$VERSION"), file=ROLLING
    ),
    "a rollout in a function": swap(
        ("kube set image", "deploy() {\n  kube set image"),
        ('the rollout did not complete"\n', 'the rollout did not complete"\n}\ndeploy\n'),
        file=ROLLING,
    ),
    "a list of one job": swap(
        ("needs: test\n", "needs: [test]\n"), ("needs: build\n", "needs:\n      - build\n"), file=WORKFLOW
    ),
    "conditions in braces": swap(
        ("if: github.event_name == 'push'", "if: ${{ github.event_name != 'pull_request' }}"),
        ("github.ref == 'refs/heads/develop'", "github.ref_name == 'develop' && success()"),
        file=WORKFLOW,
    ),
    "ports of the service in lines": swap(('ports: ["5432:5432"]', "ports:\n          - 5432:5432/tcp"), file=WORKFLOW),
    "events as quoted keys": swap(("on:\n  push", "'on':\n  'push'"), file=WORKFLOW),
    "tags on lines": swap(
        ("tags: ${{ env.IMAGE }}:${{ github.sha }}", "tags: |\n            ${{ env.IMAGE }}:${{ github.sha }}"),
        file=WORKFLOW,
    ),
    "the image without a variable": swap(
        ("${{ env.IMAGE }}:${{ github.sha }}", "ghcr.io/insitechart/unified-service:${{github.sha}}"), file=WORKFLOW
    ),
    "the commit in braces": swap(('staging "$GITHUB_SHA"', "staging ${{ github.sha }}"), file=WORKFLOW),
    "the script by bash": swap(("./deploy-rolling.sh", "bash deploy-rolling.sh"), file=WORKFLOW),
    "pytest as a module": swap(("pytest tests\n", "python -m pytest -q tests/\n"), file=WORKFLOW),
    "variables of the job": swap(
        (
            "        env:\n          DATABASE_URL: postgresql://postgres:only-for-this-job@localhost:5432/insitechart\n"
            "          REDIS_URL: redis://localhost:6379/0\n",
            "",
        ),
        (
            "    timeout-minutes: 15\n",
            "    timeout-minutes: 15\n    env:\n"
            "      DATABASE_URL: postgresql://postgres:only-for-this-job@127.0.0.1/insitechart\n"
            "      REDIS_URL: redis://localhost\n",
        ),
        file=WORKFLOW,
    ),
    "built and pushed by hand": swap(
        (
            """      - uses: docker/build-push-action@263435318d21b8e681c14492fe198d362a7d2c83 # v6.18.0
        with:
          context: .
          push: true
          tags: ${{ env.IMAGE }}:${{ github.sha }}
""",
            """      - run: |
          docker build --tag "$IMAGE:$GITHUB_SHA" .
          docker push "$IMAGE:$GITHUB_SHA"
""",
        ),
        file=WORKFLOW,
    ),
    "a pipeline in parts": pipeline_in_parts,
    "a pattern in a list": swap(
        (
            'match => { "message" => "client=%{IP:client_ip}" }',
            'match => [ "message", "client=%{IP:client_ip}" ]',
        ),
        file="logstash/pipeline/logstash.conf",
    ),
    "a condition in other words": swap(
        ('if [level] in ["ERROR", "CRITICAL"] {', "if [level] == 'ERROR' or [level] == 'CRITICAL' {"),
        file="logstash/pipeline/logstash.conf",
    ),
    "a host as a text": swap(
        ('hosts => ["http://elasticsearch:9200"]', 'hosts => "http://elasticsearch:9200/"'),
        file="logstash/pipeline/logstash.conf",
    ),
    "an index by other letters": swap(("%{+YYYY.MM.dd}", "%{+yyyy.MM.dd}"), file="logstash/pipeline/logstash.conf"),
    "the time's target is written": swap(
        ('match => ["timestamp", "ISO8601"]', 'target => "@timestamp"\n      match => ["timestamp", "ISO8601"]'),
        file="logstash/pipeline/logstash.conf",
    ),
    "Filebeat's settings as levels": lambda files: {
        **files,
        "logging/filebeat.yml": "filebeat:\n  inputs:\n    - type: container\n      paths:\n"
        "        - /var/lib/docker/containers/*/*.log\noutput:\n  logstash:\n    hosts: logstash:5044\n",
    },
    "logging's variables as the image wants them": swap(
        ("discovery.type: single-node", "DISCOVERY_TYPE: single-node"), file="logging/elasticsearch.yml"
    ),
    "another name of Filebeat's configuration": moved(
        "logging/filebeat.yml",
        "logging/beat/shipper.yml",
        ("logging/elasticsearch.yml", "./filebeat.yml:/usr", "./beat/shipper.yml:/usr"),
    ),
    "another name of Logstash": everywhere("logstash:", "collector:", r"^logging/(elasticsearch|filebeat)\.yml$"),
    "a dump with its options in one": swap(
        (
            '-h "$DB_HOST" -p "$DB_PORT" -U "$DB_USER" -d "$DB_NAME" -F c -Z 6 -f "$file.part"',
            '--host="$DB_HOST" -p"$DB_PORT" --username "$DB_USER" -Fc -Z6 --file="$file.part" "$DB_NAME"',
        ),
        file="simple-backup.sh",
    ),
    "a dump whose status is asked": swap(
        ('-F c -Z 6 -f "$file.part"\n', '-F c -Z 6 -f "$file.part" || {\n  echo "no dump" >&2\n  exit 1\n}\n'),
        file="simple-backup.sh",
    ),
    "a dump in an if": swap(
        ("pg_dump -h", "if ! pg_dump -h"),
        ('-F c -Z 6 -f "$file.part"\n', '-F c -Z 6 -f "$file.part"; then\n  exit 1\nfi\n'),
        file="simple-backup.sh",
    ),
    "a backup in functions": swap(
        ("pg_dump -h", "dump() {\n  pg_dump -h"),
        ('-F c -Z 6 -f "$file.part"\n', '-F c -Z 6 -f "$file.part"\n}\ndump\n'),
        file="simple-backup.sh",
    ),
    "old backups go by another program": swap(
        ('-mtime "+$RETENTION_DAYS" -delete', '-mtime "+$RETENTION_DAYS" -print0 | xargs -0 -r rm -f --'),
        file="simple-backup.sh",
    ),
    "a copy by another program": swap(
        ('rclone copy "$file" "$BACKUP_REMOTE"', 'aws s3 cp "$file" "$BACKUP_REMOTE/"'),
        ('rclone copy "$file.sha256" "$BACKUP_REMOTE"', 'aws s3 cp "$file.sha256" "$BACKUP_REMOTE/"'),
        file="simple-backup.sh",
    ),
    "minutes in a list": swap(("*/10 * * * *", "0,10,20,30,40,50 * * * *"), file="backup.crontab"),
    "a timer instead of the crontab": lambda files: {
        **{name: text for name, text in files.items() if name != "backup.crontab"},
        "backup.timer": "[Timer]\nOnCalendar=*:0/10\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n",
        "backup.service": "[Service]\nType=oneshot\nEnvironmentFile=/etc/insitechart/backup.env\n"
        "ExecStart=/opt/insitechart/simple-backup.sh\n",
    },
    "the backup's script is in its ConfigMap": lambda files: {
        **files,
        "k8s/backup.yaml": files["k8s/backup.yaml"].replace("name: backup-scripts", "name: backup-script")
        + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: backup-script, namespace: insitechart}\ndata:\n"
        "  simple-backup.sh: |\n" + "".join(f"    {line}\n" for line in files["simple-backup.sh"].split("\n")),
    },
    "an exporter's name is looked up": swap(
        (
            "    static_configs:\n      - targets: [postgres-exporter:9187]",
            "    dns_sd_configs:\n      - names: [postgres-exporter.insitechart.svc.cluster.local]\n        type: A\n        port: 9187",
        ),
        file="monitoring/prometheus.yml",
    ),
    "routes by patterns": swap(
        ("matchers: ['severity=\"critical\"']", "match_re: {severity: (?i)Critical|page}"),
        ("matchers: ['severity=\"warning\"']", "match: {severity: warning}"),
        file="monitoring/alertmanager.yml",
    ),
    "a group with an interval of its own": swap(
        ("  - name: insitechart\n", "  - name: insitechart\n    interval: 30s\n"), file="monitoring/alert_rules.yml"
    ),
    "one worker, in so many words": swap(
        ('"--port", "8000"]', '"--port", "8000", "--workers", "1"]'), file="Dockerfile"
    ),
    "the cache's bound in bytes": swap(("--maxmemory, 192mb", "--maxmemory, '201326592'"), file="k8s/redis.yaml"),
    "an Ingress that rewrites / to /": swap(
        ("  annotations:\n", "  annotations:\n    nginx.ingress.kubernetes.io/rewrite-target: /\n"),
        file="k8s/ingress.yaml",
    ),
    "the recovery plan in Korean": lambda files: {**files, "disaster-recovery.md": KOREAN},
    "objectives in another order of columns": swap(
        ("| Disaster | Symptoms | Impact | RTO | RPO |", "| Disaster | RPO | RTO | Symptoms | Impact |"),
        ("connections fail, responses slow | high: whole service | 1 h | 15 min |", "15 min | 1 h | slow | high |"),
        (
            "API fails, 5xx rise | medium: part of the service | 30 min | 5 min |",
            "5 min | 30 min | 5xx rise | medium |",
        ),
        ("servers down, network cut | high: whole service | 2 h | 1 h |", "1 h | 2 h | servers down | high |"),
        file="disaster-recovery.md",
    ),
    "objectives told again": swap(
        ("### Database failure\n", "### Database failure\n\n**RTO**: 60 minutes, **RPO**: 900 seconds\n"),
        file="disaster-recovery.md",
    ),
    "steps as headings": swap(
        ("1. Confirm (5 min): the alerts `Database", "#### 1. Confirm (5 min)\n\nThe alerts `Database"),
        ("2. Root cause (15 min).", "#### 2. Root cause (15 min)\n"),
        ("3. Choose the strategy (5 min): restore", "#### 3. Choose the strategy (5 min)\n\nRestore"),
        ("4. Recover (30 min): fetch", "#### 4. Recover (30 min)\n\nFetch"),
        ("5. Restart services, test connections and functions (5 min).", "#### 5. Restart services (5 min)\n"),
        file="disaster-recovery.md",
    ),
    "a clock instead of minutes": swap(
        ("Confirm, call the team (15 min)", "Confirm, call the team (0-15 min)"),
        ("Prepare the replacement (45 min)", "Prepare the replacement (15-60 min)"),
        ("Switch over (30 min)", "Switch over (60-90 min)"),
        ("Confirm stability (30 min)", "Confirm stability (90-120 min)"),
        file="disaster-recovery.md",
    ),
    "a secret for the build's check, in a file that no image takes": swap(
        (
            "      - uses: docker/build-push-action@",
            '      - run: echo "SECRET_KEY=${{ secrets.SECRET_KEY }}" > .env && docker compose config --quiet\n'
            "      - uses: docker/build-push-action@",
        ),
        file=".github/workflows/simple-deploy.yml",
    ),
    "the environment is told in a remark too": swap(
        (
            'kube rollout status "deployment/$DEPLOYMENT" --timeout=600s',
            'kube annotate "deployment/$DEPLOYMENT" --overwrite "kubernetes.io/change-cause=$VERSION ($ENVIRONMENT)"\n'
            'kube rollout status "deployment/$DEPLOYMENT" --timeout=600s',
        ),
        file="deploy-rolling.sh",
    ),
    "health by a whole word": swap(
        (
            "curl -fsS --max-time 5 http://localhost:8000/health > /dev/null || return 1",
            "curl -fsS --max-time 5 http://localhost:8000/health | grep -qw healthy || return 1",
        ),
        file="deploy-rolling.sh",
    ),
    "tests by their own list": swap(
        (
            "pip install -r requirements.txt -r tests/requirements.txt",
            "pip install -r requirements.txt && pip install --requirement=tests/requirements.txt",
        ),
        file=".github/workflows/simple-deploy.yml",
    ),
    "the log's level by python-json-logger's names": lambda files: {
        **files,
        "log.py": files["log.py"].replace('"level": record.levelname', '"levelname": record.levelname'),
        "logstash/pipeline/logstash.conf": files["logstash/pipeline/logstash.conf"]
        .replace("[level]", "[levelname]")
        .replace('["level"]', '["levelname"]'),
    },
    "drills by a workflow": lambda files: {
        **{name: text for name, text in files.items() if name != "drills.crontab"},
        "disaster-recovery.md": files["disaster-recovery.md"].replace("`drills.crontab`", "A workflow"),
        ".github/workflows/simple-deploy.yml": files[".github/workflows/simple-deploy.yml"],
        "drill.timer": "[Timer]\nOnCalendar=quarterly\nUnit=drill.service\n",
        "drill.service": "[Service]\nWorkingDirectory=/opt/insitechart\nExecStart=/usr/local/bin/seatrial verify\n",
    },
    "the standby is told by hand": swap(
        (
            "-X stream -R\n",
            '-X stream\n  touch "$PGDATA/standby.signal"\n  echo "primary_conninfo = \'host=$PRIMARY_HOST\'" >> "$PGDATA/postgresql.auto.conf"\n',
        ),
        file="postgres/replica.sh",
    ),
    "the database is called otherwise": lambda files: each(
        files,
        lambda text: (
            text.replace("insitechart}", "charts}")
            .replace(":5432/insitechart", ":5432/charts")
            .replace("POSTGRES_DB: insitechart", "POSTGRES_DB: charts")
        ),
        r".",
    ),
    "the tests' database with a minor version": swap(
        ("image: postgres:14", "image: postgres:14.13-alpine"), file=".github/workflows/simple-deploy.yml"
    ),
}
