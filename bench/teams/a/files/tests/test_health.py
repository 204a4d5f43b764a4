from fastapi.testclient import TestClient

from main import app

client = TestClient(app)


def test_health():
    resp = client.get("/health")
    assert resp.status_code == 200
    assert resp.json()["checks"]["database"] == "ok"
    assert resp.json()["checks"]["redis"] == "ok"


def test_metrics():
    resp = client.get("/metrics")
    assert resp.status_code == 200
    assert "http_requests_total" in resp.text


def test_share_token():
    resp = client.post("/api/v1/charts/AAPL/share")
    assert resp.status_code == 200
    assert resp.json()["token"].startswith("AAPL:")
