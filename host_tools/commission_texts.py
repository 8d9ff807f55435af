# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What an engineer reads while commissioning, in English and Korean (see texts.py). Ids and units stay."""

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
        "Flash {0}, wait for control, pull the controller's supply: seconds until the PCS shows zero",
        "{0} 을(를) 기록하고 제어 상태가 되면 제어기 전원을 빼십시오: PCS가 0이 될 때까지의 시간 (s)",
    ),
    "opening.by": (
        "text",
        "Open {0} by its own path ({1}), see it open, close it again. How did you see it?",
        "{0} 을(를) 독립 경로({1})로 열고 확인한 뒤 복귀하십시오. 어떻게 확인했습니까?",
    ),
    "go.identity": (
        "go",
        "A private key is made on this machine and a request for a certificate is written. Ready?",
        "이 장비에서 개인 키를 만들고 인증서 요청(CSR)을 씁니다. 준비되었습니까?",
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
# What stops a step: id: (English, Korean, mend English, mend Korean).
PROBLEMS = {
    "no_values": (
        "{0} tells no values",
        "{0} 값이 없음",
        "look at its cable, address and profile: reuse-edge top",
        "케이블, 주소, 프로파일 확인: reuse-edge top",
    ),
    "serial": (
        "{0}: the {3} says {1}, expected {2}",
        "{0}: {3} 번호 {1}, 기대 번호 {2}",
        "is this the pack of the certificate? correct serial: (bms_serial:), or take the right pack",
        "인증서의 팩이 맞습니까? serial: (bms_serial:) 을 고치거나 맞는 팩을 연결하십시오",
    ),
    "device": (
        "the controller is {0}, site.yaml is of {1}",
        "제어기는 {0}, site.yaml 은 {1}",
        "take the site.yaml of this controller",
        "이 제어기의 site.yaml 을 쓰십시오",
    ),
    "not_observe": (
        "the controller is in {0}",
        "제어기 모드: {0}",
        "commissioning starts in observe: set mode: observe",
        "시운전은 관찰 모드에서 시작: mode: observe",
    ),
    "version": (
        "the controller runs {0}, this tool is {1}",
        "제어기 버전 {0}, 도구 버전 {1}",
        "install or flash the same version",
        "같은 버전을 설치하십시오",
    ),
    "meter": (
        "{0}: the BMS says {1}, your meter {2}: apart by more than {3}",
        "{0}: BMS {1}, 계측기 {2}: 차이가 {3} 초과",
        "measure again at the terminals of the pack; else profile, unit or scale of the BMS is wrong",
        "팩 단자에서 다시 측정; 아니면 BMS 프로파일·주소·배율이 틀림",
    ),
    "cells": (
        "{0}: its voltage is that of {1} cells in series, site.yaml says {2}",
        "{0}: 전압은 직렬 {1} 셀, site.yaml 은 {2}",
        "count the cells on the pack; set cells: {1} when it is so",
        "팩의 셀 수를 세고, 맞으면 cells: {1} 로 고치십시오",
    ),
    "cells_sum": (
        "{0}: the cells sum up to {1}, the pack says {2}",
        "{0}: 셀 합계 {1}, 팩 전압 {2}",
        "a sense wire or the BMS's own cell count is wrong",
        "측정선 또는 BMS 셀 수 설정이 틀림",
    ),
    "cells_range": (
        "{0}: {1} V per cell cannot be a {2} cell",
        "{0}: 셀당 {1} V 는 {2} 셀이 아님",
        "correct cells: or chemistry:",
        "cells: 또는 chemistry: 를 고치십시오",
    ),
    "no_flow": (
        "no current above {0} A in {1} s",
        "{1} s 동안 {0} A 이상 흐르지 않음",
        "make it flow by hand at the PCS, or raise --wait",
        "PCS 수동 운전으로 흘리거나 --wait 를 늘리십시오",
    ),
    "sign_bms": (
        "{0}: the BMS says {1} while the current {2}s",
        "{0}: {2} 중 BMS 값 {1}",
        "the shunt of the BMS is the wrong way round, or the sign in its profile: correct it there",
        "BMS 션트 방향 또는 프로파일 부호가 반대: 그곳에서 고치십시오",
    ),
    "sign_pcs": (
        "the PCS says {0} while the current {1}s",
        "{1} 중 PCS 값 {0}",
        "correct the sign in the profile of the PCS",
        "PCS 프로파일의 부호를 고치십시오",
    ),
    "sign_meter": (
        "the meter says {0} while the current {1}s",
        "{1} 중 계량기 값 {0}",
        "its current transformers are the wrong way round, or another load is on it",
        "CT 방향이 반대이거나 다른 부하가 있음",
    ),
    "sign_apart": (
        "{0}: BMS {1} and PCS {2} are apart by more than {3}",
        "{0}: BMS {1}, PCS {2} 차이가 {3} 초과",
        "look for the wrong scale (mA, 0.1 A), or another load on the bus",
        "배율(mA, 0.1 A) 또는 다른 부하 확인",
    ),
    "temp_dead": (
        "{0}: temperature sensor {1} says nothing",
        "{0}: 온도 센서 {1} 값 없음",
        "look at its plug and wire; only a sensor that is not there leaves temps:",
        "커넥터와 배선 확인; 실제로 없는 센서만 temps: 에서 뺍니다",
    ),
    "temp_odd": (
        "{0}: temperature sensor {1} says {2}, the others about {3}",
        "{0}: 온도 센서 {1} 값 {2}, 나머지 약 {3}",
        "touch it and watch it move; replace it",
        "손으로 데워 변화를 확인하고 교체하십시오",
    ),
    "temp_ambient": (
        "{0}: sensors say about {1}, the room is {2}",
        "{0}: 센서 약 {1}, 실내 {2}",
        "let the pack rest until it has the room's temperature, or look for a wrong offset",
        "팩이 실온이 될 때까지 두거나 옵셋 확인",
    ),
    "cell_dead": (
        "{0}: cell {1} says nothing",
        "{0}: 셀 {1} 값 없음",
        "look at its sense wire",
        "측정선을 확인하십시오",
    ),
    "cell_odd": (
        "{0}: cell {1} says {2}, the mean is {3}",
        "{0}: 셀 {1} 값 {2}, 평균 {3}",
        "measure it by hand: a bad wire is mended, a bad cell means that the pack is graded again",
        "직접 측정: 배선 불량이면 수리, 셀 불량이면 재등급",
    ),
    "input_active": (
        "{0} is active while it is at rest",
        "{0} 입력이 평상시에 작동 상태",
        "wire it normally closed (current flows while all is quiet), or close the loop",
        "상시 닫힘(NC)으로 배선하거나 루프를 닫으십시오",
    ),
    "input_quiet": (
        "{0} was not seen to become active in {1} s",
        "{0} 작동이 {1} s 동안 보이지 않음",
        "right input number? the wire must open when it is actuated (normally closed)",
        "입력 번호 확인; 작동할 때 배선이 열려야 함(NC)",
    ),
    "input_stays": (
        "{0} was not seen to become quiet again in {1} s",
        "{0} 복귀가 {1} s 동안 보이지 않음",
        "release it; a latching device has to be reset",
        "복귀시키십시오; 잠금형은 리셋",
    ),
    "trial_start": (
        "the trial did not come to control: {0}",
        "시험 제어가 시작되지 않음: {0}",
        "reuse-edge top shows why; the mend is beside the fault",
        "reuse-edge top 에서 원인을 확인하십시오",
    ),
    "contactor_closed": (
        "{0}: its contactor does not close ({1})",
        "{0}: 접촉기가 닫히지 않음 ({1})",
        "look at precharge resistor, bus voltage, auxiliary contact, and the relay module's own watchdog: its time "
        "must be the hold of the contactor, else no relay is pulled",
        "프리차지 저항, 버스 전압, 보조 접점, 릴레이 모듈 워치독 확인: 유지 시간과 같아야 릴레이가 동작함",
    ),
    "contactor_stays": (
        "{0}: its contactor did not fall within {1} of the controller's death",
        "{0}: 제어기 종료 후 {1} 안에 접촉기가 열리지 않음",
        "the relay module's own watchdog must let go: set it, see docs/PROFILES.md",
        "릴레이 모듈의 워치독을 설정하십시오: docs/PROFILES.md",
    ),
    "contactor_early": (
        "{0}: its contactor fell {1} after the controller's death, before the PCS has stopped ({2})",
        "{0}: 제어기 종료 {1} 후, PCS 정지({2}) 전에 접촉기가 열림",
        "it would open under load: lengthen its hold, or shorten pcs.watchdog_s",
        "부하 중 개방 위험: 유지 시간을 늘리거나 pcs.watchdog_s 를 줄이십시오",
    ),
    "current_flows": (
        "{0} A flow although every limit is zero",
        "모든 한도가 0인데 {0} A 흐름",
        "stop the PCS by hand and look for who orders it",
        "PCS를 수동으로 멈추고 원인을 찾으십시오",
    ),
    "pcs_refuses": (
        "the PCS does not hold what it was told: {0}",
        "PCS가 지령을 유지하지 않음: {0}",
        "remote control enabled at the PCS? rated power and watchdog as in site.yaml?",
        "PCS 원격 제어, 정격 출력, 워치독 설정 확인",
    ),
    "pcs_goes_on": (
        "the PCS goes on without us: {0} after {1}",
        "PCS가 제어기 없이 계속 동작: {1} 후 {0}",
        "its watchdog does not work: new firmware, its fallback setting, or another PCS; control stays refused",
        "워치독이 동작하지 않음: 펌웨어·폴백 설정 확인 또는 교체; 제어는 거부됨",
    ),
    "residual": (
        "the PCS goes on for {0} after us, more than {1}",
        "PCS가 제어기 종료 후 {0} 동안 동작, {1} 초과",
        "shorten pcs.watchdog_s, or give each pack a dead-man contactor",
        "pcs.watchdog_s 를 줄이거나 데드맨 접촉기를 설치하십시오",
    ),
    "service_runs": (
        "the service reuse-edge runs and holds the lines",
        "reuse-edge 서비스가 통신선을 사용 중",
        "sudo systemctl stop reuse-edge",
        "sudo systemctl stop reuse-edge",
    ),
    "certificate": (
        "{0}: {1}",
        "{0}: {1}",
        "have the request {2} signed again by the operator's authority",
        "요청서 {2} 를 운영자 CA에서 다시 서명받으십시오",
    ),
    "must": (
        "control is refused: {0}",
        "제어 거부: {0}",
        "do these steps: reuse-edge commission ... --again STEP",
        "이 단계를 수행하십시오: reuse-edge commission ... --again STEP",
    ),
    "no_key": (
        "nobody signs: --key FILE is missing",
        "서명 키 없음: --key FILE",
        "reuse-edge key new NAME --role commission; trust: {{commission: [NAME.pub]}} in site.yaml",
        "reuse-edge key new NAME --role commission; site.yaml 의 trust: {{commission: [NAME.pub]}}",
    ),
    "not_trusted": (
        "key {0} is not trusted for commission in site.yaml",
        "키 {0} 은(는) site.yaml 에서 commission 으로 신뢰되지 않음",
        "trust: {{commission: [NAME.pub]}}",
        "trust: {{commission: [NAME.pub]}}",
    ),
    "not_done": (
        "you said no",
        "아니오로 답함",
        "run it again when all is ready; finished steps are not repeated",
        "준비되면 다시 실행하십시오; 끝난 단계는 반복하지 않음",
    ),
    "refused_edit": (
        "site.yaml would be refused in control: {0}",
        "제어 모드의 site.yaml 이 거부됨: {0}",
        "mend that first; the file is as it was",
        "먼저 고치십시오; 파일은 그대로임",
    ),
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
