#!/bin/bash
# simple-backup.sh
# PostgreSQL 백업 스크립트

set -e

# 설정
BACKUP_DIR="/backups/postgres"
DB_HOST=${POSTGRES_HOST:-localhost}
DB_NAME=${POSTGRES_DB:-insitechart}
DB_USER=${POSTGRES_USER:-postgres}
RETENTION_DAYS=7
TIMESTAMP=$(date +%Y%m%d_%H%M%S)
BACKUP_FILE="${BACKUP_DIR}/insitechart_${TIMESTAMP}.sql"

# 백업 디렉토리 생성
mkdir -p "$BACKUP_DIR"

echo "[$(date)] 백업 시작: ${DB_NAME}"

# 데이터베이스 백업
pg_dump -h "$DB_HOST" -U "$DB_USER" -d "$DB_NAME" \
    --format=custom --compress=9 --file="$BACKUP_FILE"

if [ $? -eq 0 ]; then
    echo "[$(date)] 백업 성공: ${BACKUP_FILE}"

    # 압축
    gzip "$BACKUP_FILE"
    echo "[$(date)] 압축 완료: ${BACKUP_FILE}.gz"
else
    echo "[$(date)] 백업 실패" >&2
    rm -f "$BACKUP_FILE"
    exit 1
fi

# 오래된 백업 삭제
find "$BACKUP_DIR" -name "*.sql.gz" -mtime +$RETENTION_DAYS -delete
echo "[$(date)] ${RETENTION_DAYS}일 이상 지난 백업 삭제 완료"

echo "[$(date)] 백업 작업 완료"
