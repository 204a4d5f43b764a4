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
    "the namespace has another name": everywhere(
        "insitechart", "charts", r"^(k8s/|kustomization|deploy|activate|monitoring/|\.github/)"
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
}
