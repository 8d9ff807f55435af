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
    "id of the acknowledgement key": "확인 키 ID",
    "id of the order key": "명령 키 ID",
    "handed over to": "전달 위치",
}
# Why a step is not on a site or was left, by a part of the reason.
REASONS = {
    "no meter": "계측기 없음",
    "no uplink: in site.yaml": "site.yaml 에 uplink: 없음",
    "the key is made where the controller runs: docs/COMMISSION.md, identity": "키는 제어기가 동작하는 곳에서 생성: "
    "docs/COMMISSION.md",
    "the certificate is still to come": "인증서 대기 중",
    "inputs: names none": "inputs: 에 입력 없음",
    "no contactor: in site.yaml": "site.yaml 에 contactor: 없음",
    "has no watchdog that can be read": "읽을 수 있는 워치독이 없음",
    "no opening_path: in site.yaml": "site.yaml 에 opening_path: 없음",
}


def reason(lang, text):
    """The reason why a step was not done; one that a person gave stays as it is."""
    if lang == "en":
        return text
    for english, korean in REASONS.items():
        text = text.replace(english, korean)
    return text


def found(lang, what):
    """The name of something that was found."""
    if lang == "en":
        return what
    stem = max((each for each in FOUND if what.startswith(each)), key=len, default=None)
    return what if stem is None else FOUND[stem] + what[len(stem) :].replace("(by hand)", "(수동 측정)")
