# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What an engineer reads while commissioning, in English and Korean (see texts.py). Ids and units stay."""

from host_tools.commission_problems import PROBLEMS
from host_tools.texts import LANGUAGES

# step: (English, Korean)
STEPS = {
    "identify": ("Controller and pack", "제어기와 팩 확인"),
    "live": ("Live values beside your meter", "현장 계측기와 실시간 값 비교"),
    "cells": ("Cells in series", "직렬 셀 수"),
    "sign": ("Sign of the current", "전류 부호"),
    "sensors": ("Temperatures and cells", "온도와 셀 센서"),
    "inputs": ("Safety inputs", "안전 입력"),
    "contactor": ("Contactors, dry run", "접촉기 무전류 시험"),
    "watchdog": ("Watchdog of the PCS", "PCS 워치독"),
    "opening": ("Independent opening path", "독립 차단 경로"),
    "identity": ("Identity of the controller", "제어기 신원(인증서)"),
    "control": ("Signed envelope and control", "서명된 한도와 제어 허가"),
    "report": ("Report", "보고서"),
}
STATES = {
    "done": ("done", "완료"),
    "absent": ("not on this site", "이 현장에 없음"),
    "skipped": ("SKIPPED", "건너뜀"),
    "open": ("still open", "미완료"),
}
# Questions: id without the pack's name: (kind, English, Korean). Kinds: text, number, go, choice, secret.
QUESTIONS = {
    "who.name": ("text", "Your name", "작업자 이름"),
    "who.company": ("text", "Your company", "회사"),
    "work.order": ("text", "Number of the work order", "작업 지시서 번호"),
    "label.serial": ("text", "Serial number on the label of {0}", "{0} 명판의 일련번호"),
    "meter.has": ("go", "Do you have a meter for pack voltage and current?", "팩 전압·전류 계측기가 있습니까?"),
    "meter.voltage_v": ("number", "Your meter: voltage of {0} in V", "계측기: {0} 전압 (V)"),
    "meter.current_a": (
        "number",
        "Your meter: current of {0} in A, + charges (0 when none flows)",
        "계측기: {0} 전류 (A), 충전이 + (없으면 0)",
    ),
    "ambient_c": ("number", "Temperature of the room in °C", "실내 온도 (°C)"),
    "go.sign": (
        "go",
        "Make a current of known direction flow by hand at the PCS or with a load. Ready?",
        "PCS 수동 운전 또는 부하로 방향을 아는 전류를 흘리십시오. 준비되었습니까?",
    ),
    "sign.direction": (
        "charge|discharge",
        "Which direction do you make flow: charge or discharge?",
        "어느 방향입니까: charge(충전) 또는 discharge(방전)?",
    ),
    "go.inputs": (
        "go",
        "Each safety input is now actuated and released, one by one. Ready?",
        "안전 입력을 하나씩 작동하고 복귀합니다. 준비되었습니까?",
    ),
    "go.contactor": (
        "go",
        "Precharge and contactors close with limits of zero, then the controller is killed to see them fall. "
        "Nobody at the terminals?",
        "전류 한도 0으로 프리차지와 접촉기를 닫은 뒤 제어기를 강제 종료하여 개방 시간을 측정합니다. "
        "단자 주위에 사람이 없습니까?",
    ),
    "go.watchdog": (
        "go",
        "The PCS gets limits of {0} A, then the controller is killed to see it stop. Nobody at the terminals?",
        "PCS에 한도 {0} A를 준 뒤 제어기를 강제 종료하여 스스로 멈추는지 측정합니다. 단자 주위에 사람이 없습니까?",
    ),
    "contactor.dropped_s": (
        "number",
        "{0}: seconds from the end of the controller until you heard the contactor fall",
        "{0}: 제어기 종료 후 접촉기가 떨어지는 소리까지의 시간 (s)",
    ),
    "watchdog.stopped_s": (
        "number",
        "In another terminal: reuse-edge flash PORT {0}; wait for control, pull the controller's supply: seconds until "
        "the PCS shows zero",
        "다른 터미널에서 reuse-edge flash PORT {0}; 제어 상태가 되면 제어기 전원을 빼십시오: PCS가 0이 될 때까지의 "
        "시간 (s)",
    ),
    "opening.by": (
        "text",
        "Open {0} by its own path ({1}), see it open, close it again. How did you see it?",
        "{0} 을(를) 독립 경로({1})로 열고 확인한 뒤 복귀하십시오. 어떻게 확인했습니까?",
    ),
    "go.identity": (
        "go",
        "A private key is made (on this gateway; for a board in the memory of this machine and written over the cable, "
        "for which the board stops some seconds) and a request for a certificate is written. Ready?",
        "개인 키를 만들고 인증서 요청(CSR)을 씁니다 (게이트웨이는 이 장비에서; 보드는 이 PC의 메모리에서 만들어 "
        "케이블로 기록하며 보드가 몇 초 멈춥니다). 준비되었습니까?",
    ),
    "go.control": (
        "go",
        "The envelope is signed and site.yaml becomes mode: control. Do you take the responsibility?",
        "한도를 서명하고 site.yaml 을 mode: control 로 바꿉니다. 책임지고 진행합니까?",
    ),
    "control.passphrase": ("secret", "Passphrase of the key", "키 암호"),
    "skip.reason": ("text", "Why is this step skipped?", "이 단계를 건너뛰는 이유"),
}
WORDS = {
    "title": ("Commissioning report", "시운전 보고서"),
    "finds": ("found", "확인"),
    "again": ("was done at {0}; --again {1} repeats it", "{0} 에 완료됨; --again {1} 로 다시 할 수 있음"),
    "absent": ("not on this site: {0}", "이 현장에 없음: {0}"),
    "skipped": ("skipped by {0}: {1}", "{0} 건너뜀: {1}"),
    "stops": ("STOPPED at {0}: {1}", "{0} 에서 중지: {1}"),
    "later": ("control will be refused at the end", "이대로는 마지막에 control 이 거부됩니다"),
    "changed": (
        "site.yaml has changed in what these steps proved: all of them are asked again",
        "증명된 내용의 site.yaml 이 바뀌어 모든 단계를 다시 합니다",
    ),
    "observe": ("the controller starts in observe: nothing but reads leaves", "제어기를 관찰 모드로 시작: 읽기만 함"),
    "wait_flow": ("waiting for at least {0} A ...", "{0} A 이상 흐를 때까지 대기 ..."),
    "act": ("actuate {0} now ...", "{0} 을(를) 지금 작동하십시오 ..."),
    "release": ("release {0} now ...", "{0} 을(를) 지금 복귀하십시오 ..."),
    "trial": ("trial: control with limits of {0} A per pack ...", "시험: 팩당 한도 {0} A 로 제어 ..."),
    "killed": ("the controller is dead; watching ...", "제어기 강제 종료; 관찰 중 ..."),
    "safe": ("zero was written by a fresh controller, which then ended", "새 제어기가 0을 쓰고 종료함"),
    "go": ("[y]es, [s]kip with a reason, [n]o", "[y] 예, [s] 이유를 적고 건너뜀, [n] 아니오"),
    "csr": (
        "request: {0}\n  → have the operator's authority sign it, put the certificate at {1} and the authority at {2}, "
        "then run this again",
        "요청서: {0}\n  → 운영자 CA의 서명을 받아 인증서를 {1}, CA를 {2} 에 두고 다시 실행하십시오",
    ),
    "handed": (
        "SECRET, only here and on the board: {0}, {1}\n  → carry them to the backend by hand (receive --keys DIR, "
        "order sign --key FILE), then delete them here",
        "비밀 키 (여기와 보드에만 있음): {0}, {1}\n  → 백엔드로 직접 옮기고 (receive --keys DIR, "
        "order sign --key FILE) 여기서 삭제하십시오",
    ),
    "key_lines": ("then site.yaml may say", "이제 site.yaml 에 쓸 수 있음"),
    "tls_lines": ("add to uplink: in site.yaml", "site.yaml 의 uplink 에 추가"),
    "now_control": (
        "{0} says mode: control; start it: reuse-edge service install {0}",
        "{0} 은(는) 이제 mode: control; 시작: reuse-edge service install {0}",
    ),
    "now_flash": ("put it onto the board: reuse-edge flash {0} {1}", "보드에 기록: reuse-edge flash {0} {1}"),
    "report": ("report: {0}\n        {1}", "보고서: {0}\n        {1}"),
    "who": ("who", "작업자"),
    "when": ("when", "일시"),
    "pack": ("pack", "팩"),
    "step": ("step", "단계"),
    "value": ("value", "값"),
    "expected": ("expected", "기대"),
    "tolerance": ("tolerance", "허용차"),
    "result": ("result", "결과"),
    "good": ("good", "정상"),
    "bad": ("NOT GOOD", "불량"),
    "as_found": ("as found", "작업 전"),
    "as_left": ("as left", "작업 후"),
    "versions": ("versions and digests", "버전과 다이제스트"),
    "signature": ("signature", "서명"),
    "engineer": ("engineer", "작업자"),
    "operator": ("operator", "운영자"),
    "place_date": ("place, date", "장소, 날짜"),
    "sign_note": ("+ current and power charge the battery", "전류·전력 +는 충전"),
    "digest": ("SHA-256 of the JSON report without this line", "이 줄을 제외한 JSON 보고서의 SHA-256"),
}


def step(lang, name):
    """Title of a step."""
    return STEPS[name][LANGUAGES.index(lang)]


def word(lang, key, *fill):
    """A phrase with its places filled."""
    return WORDS[key][LANGUAGES.index(lang)].format(*fill)


def question(lang, stem, *fill):
    """(kind, text) of a question."""
    row = QUESTIONS[stem]
    return row[0], row[1 + LANGUAGES.index(lang)].format(*fill)


def problem(lang, key, *fill):
    """(what is wrong, what to do)."""
    at = LANGUAGES.index(lang)
    row = PROBLEMS[key]
    return row[at].format(*fill), row[2 + at].format(*fill)
