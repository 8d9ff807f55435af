# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What `reuse-edge fleet` says, in English and Korean (see texts.py)."""

from host_tools.texts import LANGUAGES

# key: (English, Korean); labels of lines have at most 9 display cells.
WORDS = {
    "ago": ("%s ago", "%s 전"),
    "never": ("never", "기록 없음"),
    "capacity": ("capacity", "용량"),
    "records": ("records", "기록"),
    "minutes": ("minutes", "접속률"),
    "alarms": ("alarms", "경보"),
    "energy": ("energy", "전력량"),
    "meter": ("meter", "계량기"),
    "permits": ("permits", "허용"),
    "yesterday": ("yesterday", "어제"),
    "today": ("today", "오늘"),
    "month": ("30 days", "30일"),
    "declared": ("(%s declared)", "(손실 신고 %s)"),
    "missing": ("MISSING %s", "누락 %s"),
    "below": ("BELOW %s %%", "%s %% 미달"),
    "blank": ("%s without a reading", "측정값 없음 %s분"),
    "none": ("none", "없음"),
    "charge": ("charge", "충전"),
    "discharge": ("discharge", "방전"),
    "in": ("in", "충전"),
    "out": ("out", "방전"),
    "against": ("BMS %s", "BMS %s"),
    "undated": ("%s records without a time: in no day", "시각 없는 기록 %s건: 날짜별 집계 제외"),
    "conflict": (
        "CONFLICT: %s records came with two contents; newest: start %s number %s",
        "충돌: 기록 %s건의 내용이 서로 다름; 최근: 기동 %s 번호 %s",
    ),
    "twins": (
        "TWO EDGES with this name: starts %s and %s live together until %s",
        "같은 이름의 기기 2대: 기동 %s, %s 동시 동작, %s까지",
    ),
    "fork": (
        "TWO EDGES with this name: starts %s and %s follow the same start",
        "같은 이름의 기기 2대: 기동 %s, %s 모두 같은 기동에서 이어짐",
    ),
    "sum": ("packs: %d, not well: %d", "팩 %d개, 이상 %d개"),
    "signs": ("+ charges; energy of the last 30 days; times in %s", "+ 충전; 최근 30일 전력량; 시간대 %s"),
    "empty": ("no records in this database", "데이터베이스에 기록 없음"),
}


def word(lang, key, *detail):
    """The words for key, filled with detail."""
    return WORDS[key][LANGUAGES.index(lang)] % detail if detail else WORDS[key][LANGUAGES.index(lang)]
