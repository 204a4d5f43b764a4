#!/bin/bash
# InsiteChart PostgreSQL 백업 (pg_dump custom format + gzip)
# 쿠버네티스에서는 k8s/backup-cronjob.yaml 이 매일 03:00 (KST) 에 실행

set -e

BACKUP_DIR="/backups/postgres"
RETENTION_DAYS=7
TIMESTAMP=$(date +%Y%m%d_%H%M%S)

DB_HOST="${POSTGRES_HOST:-localhost}"
DB_PORT="${POSTGRES_PORT:-5432}"
DB_NAME="${POSTGRES_DB:-insitechart}"
DB_USER="${POSTGRES_USER:-postgres}"
export PGPASSWORD="${POSTGRES_PASSWORD}"

BACKUP_FILE="${BACKUP_DIR}/insitechart_${TIMESTAMP}.dump.gz"

log() {
  echo "[$(date '+%Y-%m-%d %H:%M:%S')] $*"
}

mkdir -p "$BACKUP_DIR"

# 오래된 백업부터 정리 (디스크 확보)
find "$BACKUP_DIR" -name "insitechart_*.dump.gz" -mtime +"$RETENTION_DAYS" -delete
log "${RETENTION_DAYS}일 지난 백업 정리 완료"

# 백업
log "백업 시작: ${DB_NAME}@${DB_HOST}"
pg_dump -h "$DB_HOST" -p "$DB_PORT" -U "$DB_USER" -d "$DB_NAME" -Fc -Z0 | gzip -6 > "$BACKUP_FILE"

if [ $? -ne 0 ]; then
  log "백업 실패"
  rm -f "$BACKUP_FILE"
  exit 1
fi

# 빈 파일 확인
if [ ! -s "$BACKUP_FILE" ]; then
  log "백업 파일이 비어 있습니다"
  rm -f "$BACKUP_FILE"
  exit 1
fi

log "백업 완료: ${BACKUP_FILE} ($(du -h "$BACKUP_FILE" | cut -f1))"
