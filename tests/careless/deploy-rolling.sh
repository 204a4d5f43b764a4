#!/bin/bash
set -e

ENVIRONMENT=$1
VERSION=$2
NAMESPACE="insitechart"
SERVICE_NAME="unified-service"

echo "Starting rolling deployment for $SERVICE_NAME:$VERSION"

kubectl set image deployment/$SERVICE_NAME \
  $SERVICE_NAME=insitechart/$SERVICE_NAME:$VERSION \
  -n $NAMESPACE

kubectl rollout status deployment/$SERVICE_NAME -n $NAMESPACE --timeout=600s

if [ $? -ne 0 ]; then
  echo "Rollout failed, rolling back"
  kubectl rollout undo deployment/$SERVICE_NAME -n $NAMESPACE
  kubectl rollout status deployment/$SERVICE_NAME -n $NAMESPACE --timeout=300s
  exit 1
fi

READY=$(kubectl get deployment $SERVICE_NAME -n $NAMESPACE -o jsonpath='{.status.readyReplicas}')
WANTED=$(kubectl get deployment $SERVICE_NAME -n $NAMESPACE -o jsonpath='{.spec.replicas}')
if [ "$READY" != "$WANTED" ]; then
  echo "not all ready"
  exit 1
fi

for i in {1..30}; do
  POD=$(kubectl get pods -n $NAMESPACE -l app=$SERVICE_NAME -o jsonpath='{.items[0].metadata.name}')
  if kubectl exec $POD -n $NAMESPACE -- curl -f http://localhost:8000/health; then
    echo "healthy"
    exit 0
  fi
  sleep 10
done
echo "Health check failed"
kubectl rollout undo deployment/$SERVICE_NAME -n $NAMESPACE
exit 1
