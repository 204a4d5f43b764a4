"""Korean and English words of disaster-recovery documents: durations, kinds of disaster, objectives, strategies."""

from __future__ import annotations

import re

_DURATION = re.compile(
    r"(\d+(?:\.\d+)?)\s*(초|분|시간|일|주|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|s|m|h|d)(?![A-Za-z])",
    re.IGNORECASE,
)
_UNITS = {
    "초": 1.0, "분": 60.0, "시간": 3600.0, "일": 86_400.0, "주": 604_800.0,
    "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0,
}  # fmt: skip
_KINDS = {
    "database": r"database|\bdb\b|데이터베이스|디비|postgres",
    "infrastructure": r"infrastructure|data\s*cent(?:er|re)|region|인프라|데이터\s*센터|서버\s*다운"
    r"|리전|가용\s*영역|클러스터\s*장애",
    "application": r"application|\bapp\b|service|애플리케이션|어플리케이션|응용|서비스",
}
RTO, RPO = (
    r"\bRTO\b|복구\s*목표\s*시간|목표\s*복구\s*시간",
    r"\bRPO\b|복구\s*시점\s*목표|목표\s*복구\s*시점|복구\s*목표\s*시점",
)
# Values that a drill found are no promises.
MEASURED = re.compile(
    r"actual|measured|achieved|observed|result|last\s+drill|실제|측정|실측|소요|달성|결과|실적", re.IGNORECASE
)
STRATEGIES = {
    "replica": r"streaming\s+repli\w*|read\s+replica|standby|replica|복제본|스트리밍\s*복제|레플리카|스탠바이",
    "backup": r"restor\w*\s+(?:from\s+|the\s+|a\s+|latest\s+)*backup|backup\s+restor|백업\w*\s*(?:에서\s*)?복[원구]",
    "second-site": r"\bDR\s+site|second\s+site|secondary\s+(?:site|region)|disaster\s+recovery\s+site|"
    r"DR\s*사이트|재해\s*복구\s*(?:사이트|센터)|이차\s*사이트",
    "blue-green": r"blue[\s/-]*green|블루[\s/-]*그린",
    "rollback": r"roll(?:ing)?[\s-]*back|롤백",
    "rolling-restart": r"rolling\s+restart|롤링\s*재시작|순차\s*재시작",
    "failover": r"fail[\s-]*over|페일\s*오버|장애\s*조치",
    "off-site-backup": r"off[\s-]*(?:site|host)|s3\b|원격\s*백업|오프\s*사이트|외부\s*저장",
}


def duration_s(text: str) -> float | None:
    """The first duration of a text in seconds; parts that follow each other are added (`1시간 30분`)."""
    matches = list(_DURATION.finditer(text))
    if not matches:
        return None
    total, end = 0.0, matches[0].start()
    for match in matches:
        if match.start() - end > 1:
            break
        unit = match[2].lower()
        total += float(match[1]) * (_UNITS.get(unit) or _UNITS[unit[0]])
        end = match.end()
    return total


def kind_of(text: str) -> str:
    """The kind of disaster that a text speaks of, or an empty string."""
    return next((kind for kind, pattern in _KINDS.items() if re.search(pattern, text, re.IGNORECASE)), "")
