# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The words an operator reads, in English and Korean. Codes and units are the same in both.

A code that is not in the catalogue is shown as it is: a new fault never disappears for want of a translation.
"""

import os

LANGUAGES = ("en", "ko")

# key: (English, Korean)
WORDS = {
    # labels, at most 6 display cells
    "pack": ("pack", "팩"),
    "soc": ("SoC", "SoC"),
    "soh": ("SoH", "SoH"),
    "now": ("now", "현재"),
    "limit": ("limit", "한도"),
    "cells": ("cells", "셀"),
    "pcs": ("pcs", "PCS"),
    "request": ("asked", "요청"),
    "fault": ("fault", "고장"),
    "last": ("last", "최근"),
    "power": ("power", "출력"),
    "signs": ("signs", "이상"),
    "advice": ("hint", "권고"),
    "meter": ("meter", "계량"),
    "link": ("link", "통신"),
    "core": ("core", "제어"),
    # pieces of lines
    "up": ("up", "가동"),
    "mode_control": ("control", "제어"),
    "mode_observe": ("observe only", "관찰만"),
    "grade": ("grade", "등급"),
    "ago": ("%s ago", "%s 전"),
    "for": ("for %s", "%s 동안"),
    "ours": ("ours", "추정"),
    "differs": ("differs %s", "차이 %s"),
    "weakest": ("weakest", "최약"),
    "strongest": ("strongest", "최강"),
    "weak": ("weak", "약함"),
    "leak": ("leak", "누설"),
    "capacity": ("capacity", "용량"),
    "evidence": ("evidence %s old", "근거 %s 전"),
    "no_evidence": ("no evidence yet", "근거 없음"),
    "charging": ("charging", "충전 중"),
    "discharging": ("discharging", "방전 중"),
    "idle": ("idle", "대기"),
    "cells_span": ("cells", "셀"),
    "spread": ("spread", "편차"),
    "charge": ("charge", "충전"),
    "discharge": ("dischg", "방전"),
    "leaks": ("#%d leaks %s", "#%d 누설 %s"),
    "holds": ("holds", "설정"),
    "watchdog": ("watchdog", "워치독"),
    "watchdog_off": ("watchdog OFF", "워치독 꺼짐"),
    "obeys": ("obeys", "지령 이행"),
    "disobeys": ("DOES NOT OBEY", "지령 불이행"),
    "not_known": ("obeys –", "이행 –"),
    "permitted": ("permitted", "허용"),
    "obeyed": ("obeyed", "이행"),
    "by_order": ("by order", "지령에 의해"),
    "by_server": ("by EMS", "EMS 요청"),
    "by_local": ("by the site", "현장 요청"),
    "until": ("until %s", "%s까지"),
    "not_forwarded": ("observe only: not forwarded", "관찰만: 전달 안 함"),
    "none": ("none", "없음"),
    "nothing_yet": ("nothing yet", "아직 없음"),
    "charged": ("charged", "충전"),
    "delivered": ("delivered", "방전"),
    "today": ("today", "오늘"),
    "bms_says": ("BMS", "BMS"),
    "broker": ("broker", "브로커"),
    "broker_away": ("broker AWAY", "브로커 끊김"),
    "backlog": ("backlog", "대기"),
    "last_ack": ("last ack", "최근 확인"),
    "records": ("records", "기록"),
    "lost": ("lost", "손실"),
    "late": ("step late %s (worst %s)", "지연 %s (최대 %s)"),
    "more": ("+%d more", "외 %d건"),
    "sensor": ("sensor %d", "센서 %d"),
    "second": ("by its own count %s", "자체 계수 %s"),
    "to_learn": ("for a surer value", "값을 더 확실히 하려면"),
    # the verdict
    "old_values": ("- the values below are old", "- 아래 값은 오래됨"),
    "may_flow": ("may charge %s A, discharge %s A", "충전 %s A, 방전 %s A 가능"),
    "charge_word": ("charge", "충전"),
    "discharge_word": ("discharge", "방전"),
    "well": ("well: every value is live, every limit is kept", "정상: 모든 값 최신, 모든 한도 준수"),
    "watching": ("observe only: nothing is commanded", "관찰만: 지령 없음"),
    "no_status": ("nothing received yet", "아직 수신 없음"),
    "boot": ("no valid frame yet: nothing may flow", "유효 데이터 없음: 전류 차단"),
    "nothing_flows": ("nothing may flow: %s", "전류 차단: %s"),
    "half_flows": ("%s only: %s is 0 A (%s)", "%s만 가능: %s 0 A (%s)"),
    "refused": (
        "link REFUSED for a certificate: %s records wait, control goes on",
        "인증서 때문에 통신 거부: 기록 %s건 보관 중, 제어는 계속",
    ),
    "away": (
        "broker away: %s records wait on the device, control goes on",
        "브로커 끊김: 기록 %s건 보관 중, 제어는 계속",
    ),
    "no_answer": ("no answer since %s", "%s 동안 응답 없음"),
    "quit": ("q quits   1-9 chooses the pack", "q 종료   1-9 팩 선택"),
    # state of the controller
    "running": ("RUNNING", "운전"),
    "starting": ("STARTING", "기동 중"),
    "stopped": ("STOPPED", "정지"),
    "open": ("OPEN", "개방"),
    "locked": ("LOCKED", "잠금"),
    # quality of data
    "q_ok": ("live", "정상"),
    "q_missing": ("missing", "없음"),
    "q_stale": ("stale", "오래됨"),
    "q_frozen": ("frozen", "고정됨"),
    "q_sentinel": ("sensor lost", "센서 이상"),
    "q_implausible": ("implausible", "비정상 값"),
    # state of the PCS
    "pcs_0": ("off", "꺼짐"),
    "pcs_1": ("standby", "대기"),
    "pcs_2": ("running", "운전"),
    "pcs_3": ("FAULT", "고장"),
}

# Faults (edge.core.faults.FAULTS): what an operator must know in a few words.
FAULTS = {
    "bms_silent": ("the BMS does not answer", "BMS 응답 없음"),
    "input_invalid": ("a required value is not valid", "필수 값 무효"),
    "cell_high": ("highest cell at its maximum", "최고 셀 전압 상한"),
    "cell_low": ("lowest cell at its minimum", "최저 셀 전압 하한"),
    "cell_over_volt": ("a cell is over its voltage", "셀 과전압"),
    "cell_under_volt": ("a cell is under its voltage", "셀 저전압"),
    "deep_discharge": ("a cell is deeply discharged", "셀 심방전"),
    "temp_high": ("hottest sensor at its maximum", "최고 온도 상한"),
    "temp_over": ("too hot", "과열"),
    "temp_far_over": ("far too hot", "심각한 과열"),
    "temp_low_charge": ("too cold to charge", "저온: 충전 불가"),
    "temp_low": ("too cold", "저온"),
    "over_current": ("current above the maker's limit", "제조사 한도 초과 전류"),
    "bms_blocks_charge": ("the BMS forbids charging", "BMS 충전 금지"),
    "bms_blocks_discharge": ("the BMS forbids discharging", "BMS 방전 금지"),
    "bms_alarm": ("the BMS reports an alarm", "BMS 경보"),
    "cells_wrong": ("wrong number of cells", "셀 개수 불일치"),
    "pcs_silent": ("the PCS does not answer", "PCS 응답 없음"),
    "pcs_disobeys": ("the PCS does not obey", "PCS 지령 불이행"),
    "pcs_ignores_zero": ("the PCS ignores zero", "PCS 0 A 지령 무시"),
    "flow_while_open": ("current flows while open", "개방 중 전류 흐름"),
    "estop": ("emergency stop", "비상 정지"),
    "smoke": ("smoke or off-gas", "연기 또는 가스"),
    "insulation": ("insulation fault", "절연 이상"),
    "door": ("door open", "문 열림"),
    "late_step": ("the controller was late", "제어 지연"),
    "budget_used": ("too many restarts", "재기동 횟수 초과"),
    "temp_rise": ("the pack heats itself", "팩 자체 발열"),
    "weld": ("the contactor is welded", "접촉기 융착"),
    "contactor_dead": ("the contactor does not close", "접촉기 투입 불가"),
    "precharge_failed": ("precharge failed", "프리차지 실패"),
    "unexplained_stop": ("stopped with the contactor closed", "접촉기 투입 중 비정상 종료"),
    "state_lost": ("the saved state is unreadable", "저장 상태 손상"),
    "pcs_lost": ("current flows and the PCS is lost", "PCS 통신 두절 중 전류 흐름"),
    "pcs_watchdog": ("the PCS has another watchdog", "PCS 감시 시간 불일치"),
    "circulating": ("current between packs", "팩 간 순환 전류"),
    "identity": ("another pack than the graded one", "등급 인증과 다른 팩"),
    "sensor_lost": ("a sensor is lost", "센서 상실"),
    "pcs_unapplied": ("the PCS does not hold what it was told", "PCS 지령 미적용"),
    "relays_silent": ("what holds the contactor is silent", "접촉기 릴레이 응답 없음"),
}

# What is abnormal (edge.core.anomalies.TEXTS) and what would tell more (edge.core.advice.ADVICE), in Korean.
KOREAN = {
    "loses charge against the other cells": "다른 셀보다 자가 방전 큼",
    "loses charge fast": "급속 자가 방전",
    "loses more charge from look to look": "자가 방전 증가 중",
    "resistance rose within a day; contact or cell cannot be told apart": "하루 새 저항 상승: 접촉 또는 셀",
    "resistance rose within a day, the slow part with it: the cell": "하루 새 저항 상승: 셀",
    "resistance rose within a day, only the fast part: a contact": "하루 새 저항 상승: 접촉",
    "the spread of SoC grows": "SoC 편차 증가",
    "smaller than the other cells": "다른 셀보다 용량 작음",
    "the current sensor is off at zero current": "전류 센서 영점 오차",
    "the offset of the current sensor moves": "전류 센서 영점 변동",
    "battery and meter energy disagree": "배터리와 계량기 에너지 불일치",
    "reads differently from the other sensors than it used to": "다른 센서와 차이 발생",
    "the BMS says another SoC": "BMS SoC 불일치",
    "the BMS says another SoH": "BMS SoH 불일치",
    "the BMS says another capacity": "BMS 용량 불일치",
    "the BMS counts another charge than its current says": "BMS 적산 전하와 전류 불일치",
    "resistance is above the certificate's": "저항이 인증서보다 높음",
    "capacity or leak": "셀 이탈: 용량·자가 방전 구분 전",
    "rest of 30 min": "30분 휴지",
    "visit of the upper knee": "상단 전압까지 완충",
    "swing of 40 % or more": "40 % 이상 충방전",
}

# Sources of limits (edge.core.limits.SOURCES).
SOURCES = {
    "mode": ("mode", "운전 상태"),
    "input": ("value missing", "값 없음"),
    "maker": ("maker", "제조사"),
    "grade": ("grade", "등급"),
    "contract": ("contract", "계약"),
    "bms": ("BMS", "BMS"),
    "cell voltage": ("cell voltage", "셀 전압"),
    "temperature": ("temperature", "온도"),
    "SoC": ("SoC", "SoC"),
    "fault": ("fault", "고장"),
    "ramp": ("ramp", "상승 제한"),
    "guard": ("guard", "보호"),
    "other pack": ("other pack", "다른 팩"),
    "late step": ("late step", "제어 지연"),
    "SoH": ("SoH", "SoH"),
    "imbalance": ("imbalance", "셀 불균형"),
    "engineer": ("engineer", "엔지니어"),
    "order": ("order", "명령"),
}


def language(argument=None):
    """Language en or ko: the argument of --lang, else what LANG says."""
    if argument in LANGUAGES:
        return argument
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return "ko" if os.environ[name].startswith("ko") else "en"
    return "en"


def word(lang, key):
    """The word for `key`; KeyError for a key nobody declared."""
    return WORDS[key][LANGUAGES.index(lang)]


def fault(lang, name):
    """What a fault means in a few words, or None for one that is not in the catalogue."""
    return FAULTS[name][LANGUAGES.index(lang)] if name in FAULTS else None


def said(lang, text):
    """A text of the core about what is abnormal or advised; an unknown one as it is."""
    return KOREAN.get(text, text) if lang == "ko" else text


def source(lang, name):
    """The name of a source of limits, or of the fault that binds; an unknown one as it is."""
    row = SOURCES.get(name) or FAULTS.get(name)
    return row[LANGUAGES.index(lang)] if row else str(name).replace("_", " ")
