#!/bin/bash
# PostgreSQL 백업 (pg_dump custom 포맷 + gzip, 7일 보관)
set -eu
umask 077

# docker compose 가 docker-compose.yml 과 .env 를 찾을 수 있도록
cd "$(dirname "$0")"

BACKUP_DIR="/backups/postgres"
RETENTION_DAYS=7
TIMESTAMP=$(date +%Y%m%d_%H%M%S)
BACKUP_FILE="${BACKUP_DIR}/insitechart_${TIMESTAMP}.dump.gz"

mkdir -p "$BACKUP_DIR"

echo "[$(date)] 백업 시작: $BACKUP_FILE"

# gzip 이 한 번만 압축하도록 pg_dump 자체 압축은 끔(-Z0)
docker compose exec -T postgres pg_dump -U postgres -d insitechart -Fc -Z0 | gzip -6 > "$BACKUP_FILE"

if [ $? -ne 0 ] || [ ! -s "$BACKUP_FILE" ]; then
    echo "[$(date)] 백업 실패" >&2
    rm -f "$BACKUP_FILE"
    exit 1
fi

# 오래된 백업 삭제
find "$BACKUP_DIR" -name "insitechart_*.sql.gz" -mtime +"$RETENTION_DAYS" -delete

echo "[$(date)] 백업 완료: $(du -h "$BACKUP_FILE" | cut -f1)"
