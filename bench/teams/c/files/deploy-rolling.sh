#!/bin/bash
# deploy-rolling.sh
# InsiteChart 롤링 업데이트 배포 스크립트
# 사용법: ./deploy-rolling.sh [environment] [version]

set -e

# 변수 설정
ENVIRONMENT=${1:-staging}
VERSION=${2:-latest}
NAMESPACE="insitechart"
DEPLOYMENT="unified-service"
IMAGE="insitechart/unified-service:${VERSION}"

echo "🚀 롤링 배포 시작: ${ENVIRONMENT} 환경, 버전 ${VERSION}"

# 롤백 함수
rollback() {
    echo "⏪ 이전 버전으로 롤백합니다..."
    kubectl rollout undo deployment/${DEPLOYMENT} -n ${NAMESPACE}
    kubectl rollout status deployment/${DEPLOYMENT} -n ${NAMESPACE} --timeout=300s
    echo "✅ 롤백 완료"
}

# 헬스 체크 함수
health_check() {
    local service_ip
    service_ip=$(kubectl get service ${DEPLOYMENT} -n ${NAMESPACE} \
        -o jsonpath='{.status.loadBalancer.ingress[0].ip}')

    for i in {1..30}; do
        if curl -f -s "http://${service_ip}:8000/health" > /dev/null; then
            echo "✅ 헬스 체크 통과"
            return 0
        fi
        echo "⏳ 헬스 체크 대기 중... (${i}/30)"
        sleep 10
    done

    echo "❌ 헬스 체크 실패"
    return 1
}

# 1. 이미지 업데이트
echo "📦 이미지 업데이트: ${IMAGE}"
kubectl set image deployment/${DEPLOYMENT} \
    ${DEPLOYMENT}=${IMAGE} \
    -n ${NAMESPACE} --record

# 2. 롤아웃 상태 확인
echo "🔄 롤아웃 상태 확인 중..."
kubectl rollout status deployment/${DEPLOYMENT} -n ${NAMESPACE} --timeout=600s

# 3. 배포 검증
echo "🔍 배포 검증 중..."
READY_REPLICAS=$(kubectl get deployment ${DEPLOYMENT} -n ${NAMESPACE} -o jsonpath='{.status.readyReplicas}')
DESIRED_REPLICAS=$(kubectl get deployment ${DEPLOYMENT} -n ${NAMESPACE} -o jsonpath='{.spec.replicas}')

if [ "$READY_REPLICAS" != "$DESIRED_REPLICAS" ]; then
    echo "❌ 배포 실패: ${READY_REPLICAS}/${DESIRED_REPLICAS} 레플리카 준비됨"
    rollback
    exit 1
fi

# 4. 헬스 체크
if ! health_check; then
    rollback
    exit 1
fi

echo "🎉 배포 완료: ${ENVIRONMENT} 환경, 버전 ${VERSION}"
