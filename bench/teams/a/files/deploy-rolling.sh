#!/bin/bash
# InsiteChart 롤링 배포 스크립트
# 사용법: ./deploy-rolling.sh <staging|production> <version>

set -e

ENVIRONMENT=$1
VERSION=$2

if [ -z "$ENVIRONMENT" ] || [ -z "$VERSION" ]; then
  echo "사용법: $0 <staging|production> <version>" >&2
  exit 1
fi

case "$ENVIRONMENT" in
  staging)
    NAMESPACE="insitechart-staging"
    HEALTH_URL="https://staging-api.insitechart.com/health"
    ;;
  production)
    NAMESPACE="insitechart"
    HEALTH_URL="https://api.insitechart.com/health"
    ;;
  *)
    echo "알 수 없는 환경: $ENVIRONMENT" >&2
    exit 1
    ;;
esac

DEPLOYMENT="unified-service"
IMAGE="ghcr.io/insitechart/unified-service:${VERSION}"
ROLLOUT_TIMEOUT=600s
ROLLBACK_TIMEOUT=300s
MAX_ATTEMPTS=30
INTERVAL=10

log() {
  echo "[$(date '+%Y-%m-%d %H:%M:%S')] $*"
}

rollback() {
  log "이전 버전으로 롤백합니다..."
  kubectl rollout undo "deployment/${DEPLOYMENT}" -n "$NAMESPACE"
  kubectl rollout status "deployment/${DEPLOYMENT}" -n "$NAMESPACE" --timeout="$ROLLBACK_TIMEOUT"
  log "롤백 완료"
}

check_health() {
  local attempt=0
  while [ "$attempt" -lt "$MAX_ATTEMPTS" ]; do
    if curl -s --max-time 5 "$HEALTH_URL" | grep -q "healthy"; then
      log "헬스체크 통과 (시도 $((attempt + 1))/${MAX_ATTEMPTS})"
      return 0
    fi
    ((attempt++))
    log "헬스체크 대기 중... (${attempt}/${MAX_ATTEMPTS})"
    sleep "$INTERVAL"
  done
  return 1
}

log "=== 배포 시작: ${ENVIRONMENT} / ${VERSION} ==="

# 1. 이미지 교체
kubectl set image "deployment/${DEPLOYMENT}" "${DEPLOYMENT}=${IMAGE}" -n "$NAMESPACE"

# 2. 롤아웃 대기
log "롤아웃 대기 (최대 ${ROLLOUT_TIMEOUT})"
kubectl rollout status "deployment/${DEPLOYMENT}" -n "$NAMESPACE" --timeout="$ROLLOUT_TIMEOUT"
if [ $? -ne 0 ]; then
  log "롤아웃 실패"
  rollback
  exit 1
fi

# 3. 레플리카 수 확인
DESIRED=$(kubectl get deployment "$DEPLOYMENT" -n "$NAMESPACE" -o jsonpath='{.spec.replicas}')
READY=$(kubectl get deployment "$DEPLOYMENT" -n "$NAMESPACE" -o jsonpath='{.status.readyReplicas}')
log "레플리카: ${READY}/${DESIRED}"
if [ $READY -lt $DESIRED ]; then
  log "준비된 레플리카가 부족합니다"
  rollback
  exit 1
fi

# 4. 헬스체크
if ! check_health; then
  log "헬스체크 실패"
  rollback
fi

log "=== 배포 완료: ${ENVIRONMENT} / ${VERSION} ==="
