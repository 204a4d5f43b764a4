"""InsiteChart unified-service

주가 차트 + 시장 심리(sentiment) API
"""
import csv
import hashlib
import hmac
import io
import json
import logging
import os
import time
import uuid
from logging.handlers import RotatingFileHandler

import httpx
import redis.asyncio as aioredis
from fastapi import FastAPI, File, HTTPException, Request, UploadFile
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from pythonjsonlogger import jsonlogger
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

# ---------------------------------------------------------------------------
# 설정
# ---------------------------------------------------------------------------
DATABASE_URL = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1)
REDIS_URL = os.getenv("REDIS_URL", "redis://localhost:6379/0")
SECRET_KEY = os.getenv("SECRET_KEY", "insitechart-dev-secret-key")
YAHOO_API_KEY = os.getenv("YAHOO_API_KEY", "")
LOG_LEVEL = os.getenv("LOG_LEVEL", "INFO").upper()
LOG_DIR = os.getenv("LOG_DIR", "logs")
CACHE_TTL = 60

# ---------------------------------------------------------------------------
# 로깅 (JSON)
# ---------------------------------------------------------------------------
os.makedirs(LOG_DIR, exist_ok=True)
handler = RotatingFileHandler(
    os.path.join(LOG_DIR, "app.log"), maxBytes=50 * 1024 * 1024, backupCount=5, encoding="utf-8"
)
handler.setFormatter(
    jsonlogger.JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        rename_fields={"asctime": "timestamp"},
        json_ensure_ascii=False,
    )
)
root_logger = logging.getLogger()
root_logger.setLevel(LOG_LEVEL)
root_logger.addHandler(handler)
logger = logging.getLogger("insitechart")

# ---------------------------------------------------------------------------
# 메트릭
# ---------------------------------------------------------------------------
REQUESTS = Counter(
    "http_requests_total", "HTTP 요청 수", ["method", "path", "status"]
)
LATENCY = Histogram(
    "http_request_duration_seconds",
    "HTTP 요청 처리 시간",
    ["method", "path"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0),
)

# ---------------------------------------------------------------------------
# 연결
# ---------------------------------------------------------------------------
engine = create_async_engine(
    DATABASE_URL, pool_size=10, max_overflow=10, pool_pre_ping=True, connect_args={"timeout": 3}
)
cache = aioredis.from_url(
    REDIS_URL, decode_responses=True, socket_connect_timeout=2, socket_timeout=2
)

app = FastAPI(title="InsiteChart Unified Service", version="1.0.0")


@app.middleware("http")
async def observe(request: Request, call_next):
    request_id = request.headers.get("X-Request-ID", str(uuid.uuid4()))
    started = time.perf_counter()
    response = await call_next(request)
    elapsed = time.perf_counter() - started

    route = request.scope.get("route")
    path = route.path if route else "unmatched"
    REQUESTS.labels(request.method, path, f"{response.status_code // 100}xx").inc()
    LATENCY.labels(request.method, path).observe(elapsed)

    response.headers["X-Request-ID"] = request_id
    logger.info(
        "request",
        extra={
            "request_id": request_id,
            "client_ip": request.client.host if request.client else None,
            "user_agent": request.headers.get("user-agent"),
            "path": path,
            "status_code": response.status_code,
            "duration_ms": round(elapsed * 1000, 1),
        },
    )
    return response


# ---------------------------------------------------------------------------
# 운영용
# ---------------------------------------------------------------------------
@app.get("/health")
async def health():
    checks = {}
    try:
        async with engine.connect() as conn:
            await conn.execute(text("SELECT 1"))
        checks["database"] = "ok"
    except Exception as exc:
        logger.error("health: database check failed: %s", exc)
        checks["database"] = "error"

    try:
        await cache.ping()
        checks["redis"] = "ok"
    except Exception as exc:
        logger.error("health: redis check failed: %s", exc)
        checks["redis"] = "error"

    status = "healthy" if all(v == "ok" for v in checks.values()) else "unhealthy"
    return {"status": status, "checks": checks}


@app.get("/metrics")
async def metrics():
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


# ---------------------------------------------------------------------------
# API
# ---------------------------------------------------------------------------
@app.get("/api/v1/stocks/{symbol}")
async def get_stock(symbol: str, period: str = "1mo"):
    cache_key = f"chart:{symbol}:{period}"
    cached = await cache.get(cache_key)
    if cached:
        return json.loads(cached)

    if not YAHOO_API_KEY:
        raise HTTPException(status_code=503, detail="market data provider is not configured")

    async with httpx.AsyncClient(timeout=5) as client:
        resp = await client.get(
            f"https://yfapi.net/v8/finance/chart/{symbol}",
            params={"range": period, "interval": "1d"},
            headers={"X-API-KEY": YAHOO_API_KEY},
        )
    if resp.status_code != 200:
        logger.error("yahoo finance error: %s %s", resp.status_code, symbol)
        raise HTTPException(status_code=502, detail="market data provider error")

    data = resp.json()
    await cache.set(cache_key, json.dumps(data), ex=CACHE_TTL)
    return data


@app.get("/api/v1/sentiment/{symbol}")
async def get_sentiment(symbol: str):
    async with engine.connect() as conn:
        row = (
            await conn.execute(
                text("SELECT score, updated_at FROM sentiment WHERE symbol = :s"), {"s": symbol}
            )
        ).first()
    if row is None:
        raise HTTPException(status_code=404, detail="no sentiment data")
    return {"symbol": symbol, "score": float(row.score), "updated_at": row.updated_at.isoformat()}


@app.get("/api/v1/watchlist/{user_id}")
async def get_watchlist(user_id: str):
    async with engine.connect() as conn:
        rows = await conn.execute(
            text("SELECT symbol FROM watchlist WHERE user_id = :u ORDER BY symbol"), {"u": user_id}
        )
        return {"user_id": user_id, "symbols": [r.symbol for r in rows]}


@app.post("/api/v1/watchlist/{user_id}/import")
async def import_watchlist(user_id: str, file: UploadFile = File(...)):
    """CSV(symbol 컬럼) 업로드로 관심종목 일괄 등록"""
    content = (await file.read()).decode("utf-8-sig")
    symbols = [r["symbol"].strip().upper() for r in csv.DictReader(io.StringIO(content)) if r.get("symbol")]
    async with engine.begin() as conn:
        for symbol in symbols:
            await conn.execute(
                text(
                    "INSERT INTO watchlist (user_id, symbol) VALUES (:u, :s) "
                    "ON CONFLICT (user_id, symbol) DO NOTHING"
                ),
                {"u": user_id, "s": symbol},
            )
    return {"imported": len(symbols)}


@app.post("/api/v1/charts/{symbol}/share")
async def share_chart(symbol: str):
    """차트 공유 링크용 서명"""
    payload = f"{symbol}:{int(time.time())}"
    signature = hmac.new(SECRET_KEY.encode(), payload.encode(), hashlib.sha256).hexdigest()
    return {"token": f"{payload}:{signature}"}
