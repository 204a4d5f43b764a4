#!/bin/bash
# 롤링 배포 스크립트
# 사용법: ./deploy-rolling.sh ENVIRONMENT VERSION
#   예) ./deploy-rolling.sh production sha-1a2b3c4
set -e

ENVIRONMENT=${1:?사용법: $0 ENVIRONMENT VERSION}
VERSION=${2:?사용법: $0 ENVIRONMENT VERSION}

NAMESPACE="insitechart"
DEPLOYMENT="unified-service"
IMAGE="insitechart/unified-service:${VERSION}"
MAX_ATTEMPTS=30
INTERVAL=10

log() {
    echo "[$(date '+%Y-%m-%d %H:%M:%S')] $*"
}

case "$ENVIRONMENT" in
    staging|production) ;;
    *)
        log "알 수 없는 환경: $ENVIRONMENT"
        exit 1
        ;;
esac

rollback() {
    log "이전 버전으로 롤백합니다..."
    kubectl rollout undo deployment/"$DEPLOYMENT"
    kubectl rollout status deployment/"$DEPLOYMENT" -n "$NAMESPACE" --timeout=300s
    log "롤백 완료"
}

check_replicas() {
    local ready wanted
    ready=$(kubectl get deployment "$DEPLOYMENT" -n "$NAMESPACE" -o jsonpath='{.status.readyReplicas}')
    wanted=$(kubectl get deployment "$DEPLOYMENT" -n "$NAMESPACE" -o jsonpath='{.spec.replicas}')
    log "레플리카: ${ready:-0}/${wanted}"
    [ "${ready:-0}" = "$wanted" ]
}

check_health() {
    local code attempt
    for attempt in $(seq 1 "$MAX_ATTEMPTS"); do
        code=$(kubectl exec deployment/"$DEPLOYMENT" -n "$NAMESPACE" -c unified-service -- \
            curl -s -o /dev/null -w '%{http_code}' http://localhost:8000/health || true)
        if [ "$code" = "200" ]; then
            log "헬스체크 성공 ($attempt/$MAX_ATTEMPTS)"
            return 0
        fi
        log "헬스체크 대기 중... ($attempt/$MAX_ATTEMPTS, HTTP $code)"
        sleep "$INTERVAL"
    done
    log "헬스체크 실패: ${MAX_ATTEMPTS}회 시도"
}

log "배포 시작: environment=$ENVIRONMENT image=$IMAGE"

kubectl set image deployment/"$DEPLOYMENT" unified-service="$IMAGE" -n "$NAMESPACE"
kubectl annotate deployment/"$DEPLOYMENT" -n "$NAMESPACE" --overwrite \
    kubernetes.io/change-cause="deploy $VERSION ($ENVIRONMENT)"

log "롤아웃 대기 중 (최대 600초)..."
kubectl rollout status deployment/"$DEPLOYMENT" -n "$NAMESPACE" --timeout=600s
if [ $? -ne 0 ]; then
    log "롤아웃 실패"
    rollback
    exit 1
fi

if ! check_replicas; then
    log "준비된 레플리카 수가 부족합니다"
    rollback
    exit 1
fi

if ! check_health; then
    log "새 버전이 정상 응답하지 않습니다"
    rollback
fi

log "배포 완료: $VERSION"
