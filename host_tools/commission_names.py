# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Names of what a commissioning finds, in English and Korean: steps name it in English, people read both."""

# What is found, in Korean, by the beginning of its name; the rest (a number, a direction, a path) stays as it is.
FOUND = {
    "version": "버전",
    "runtime": "실행 환경",
    "python": "파이썬",
    "mode": "모드",
    "site.yaml sha256": "site.yaml SHA-256",
    "settings digest": "설정 다이제스트",
    "serial on the label": "명판 일련번호",
    "serial by the BMS": "BMS 일련번호",
    "identity": "신원",
    "grade": "등급",
    "certificate sha256": "인증서 SHA-256",
    "certificate": "인증서",
    "voltage": "전압",
    "current by the BMS": "BMS 전류",
    "current by the PCS": "PCS 전류",
    "current": "전류",
    "power by the meter": "계량기 전력",
    "cells in series": "직렬 셀 수",
    "sum of cells": "셀 합계",
    "lowest cell": "최저 셀",
    "highest cell": "최고 셀",
    "median temperature": "온도 중앙값",
    "temperature": "온도",
    "quiet, active, quiet": "평상, 작동, 평상",
    "bus less pack, closed": "투입 시 버스-팩 전압차",
    "precharge, tries": "프리차지 횟수",
    "closed at a current of": "투입 시 전류",
    "contactor falls after": "접촉기 개방까지",
    "watchdog, read back": "워치독 읽기 확인",
    "limits held before": "유지된 한도",
    "PCS stands still after": "PCS 정지까지",
    "opens by": "차단 수단",
    "issuer": "발급자",
    "valid until": "유효 기한",
    "public key sha256": "공개 키 SHA-256",
    "key made": "키 생성",
}


def found(lang, what):
    """The name of something that was found."""
    if lang == "en":
        return what
    stem = max((each for each in FOUND if what.startswith(each)), key=len, default=None)
    return what if stem is None else FOUND[stem] + what[len(stem) :].replace("(by hand)", "(수동 측정)")
