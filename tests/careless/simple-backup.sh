#!/bin/bash
DB_HOST="localhost"
DB_NAME="insitechart"
DB_USER="postgres"
BACKUP_DIR="/backups/postgres"
TIMESTAMP=$(date +%Y%m%d_%H%M%S)
BACKUP_FILE="$BACKUP_DIR/insitechart_$TIMESTAMP.sql.gz"

mkdir -p $BACKUP_DIR

pg_dump -h $DB_HOST -U $DB_USER -d $DB_NAME -F c | gzip > $BACKUP_FILE

if [ $? -eq 0 ]; then
  echo "Backup completed: $BACKUP_FILE"
  find $BACKUP_DIR -name "*.sql.gz" -mtime +7 -delete
else
  echo "Backup failed"
  exit 1
fi
