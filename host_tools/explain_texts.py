# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What `reuse-edge explain` says, in English and Korean."""

from edge.core.orders import V_DONE, V_WAITS, VERDICTS
from host_tools.texts import LANGUAGES

WORDS = {
    "head": ("%s / %s at %s", "%s / %s, 시각 %s"),
    "rests_T": ("rests on the telemetry record of %s, %s before", "근거: %s 측정 기록 (%s 전)"),
    "rests_E": ("rests on the record of a change at %s, %s before", "근거: %s 변경 기록 (%s 전)"),
    "may": ("may %s %s A, because of %s", "%s 허용 %s A, 결정 요인: %s"),
    "all": ("all packs together may %s %s A, because of %s (%s)", "모든 팩 합계 %s 허용 %s A, 결정 요인: %s (%s)"),
    "charge": ("charge", "충전"),
    "discharge": ("discharge", "방전"),
    "source": ("source", "출처"),
    "why": ("why, and who says so", "이유와 근거"),
    "unknown": ("unknown", "모름"),
    "no_value": ("required and not known: counts as 0", "필수 값 없음: 0으로 처리"),
    "says_nothing": ("says nothing: no order in force", "유효한 명령 없음"),
    "capped": (": too uncertain, capped at 0.2 C", ": 불확실하여 0.2 C로 제한"),
    "binds": ("* = this source binds", "* = 이 값이 한도를 결정함"),
    "change": ("last change", "마지막 변경"),
    "first": ("nothing (start)", "없음 (시작)"),
    "change_line": ("%s: %s %s A (%s) → %s A (%s)", "%s: %s %s A (%s) → %s A (%s)"),
    "counted": (
        "%d changes before it were only counted (five a minute are written)",
        "그 전 변경 %d건은 건수만 기록 (분당 5건까지 기록)",
    ),
    "around": ("events within a minute", "전후 1분의 사건"),
    "faults": ("active faults", "활성 고장"),
    "mode": ("state", "상태"),
    "raised": ("fault: %s", "고장 발생: %s"),
    "cleared": ("over: %s", "고장 해제: %s"),
    "mode_to": ("state is now %s", "상태 변경: %s"),
    "frame": ("%d samples kept before: %s", "직전 %d개 표본 보존: %s"),
    "journal_fails": ("the journal cannot be written", "저널 기록 불가"),
    "link_refused": ("the link is refused: %s", "통신 거부: %s"),
    "network_back": ("the network is back after %d s: %s", "네트워크 복구, %d초 끊김: %s"),
    "network_went": ("it had gone", "연결 끊김"),
    "network_password": ("the access point refused the password", "비밀번호 거부됨"),
    "network_nobody": ("the access point was not there", "액세스 포인트 없음"),
    "network_address": ("it gave no address", "IP 주소 없음"),
    "network_other": ("it could not be joined", "접속 실패"),
    "link_taken": ("the certificates are accepted again", "인증서 다시 승인됨"),
    "journal_well": ("the journal is written again", "저널 기록 재개"),
    "order": ("order '%s' of key %s: %s", "'%s' 명령 (키 %s): %s"),
    "order_refused": ("refused: %s", "거부: %s"),
    # why nothing can be said
    "before": ("before the first record: the oldest of %s is of %s", "첫 기록 이전: %s의 가장 오래된 기록은 %s"),
    "off": (
        "no record from %s to %s: the controller had no power or did not run (start %d, then start %d)",
        "%s부터 %s까지 기록 없음: 제어기 전원 없음 또는 정지 (기동 %d, 이후 기동 %d)",
    ),
    "after": ("after the last record, which is of %s (%s before)", "마지막 기록 이후: 마지막 기록 %s (%s 전)"),
    "silent": (
        "no record from %s to %s although the controller did not restart",
        "%s부터 %s까지 기록 없음 (재기동 없음)",
    ),
    "dropped": (
        "the record that is needed was dropped (%s): %s, %d records from %s to %s",
        "필요한 기록이 삭제됨 (%s): %s, %d건, %s부터 %s까지",
    ),
    "missing": (
        "records that are needed are missing (%s): number %s of start %d, between %s and %s",
        "필요한 기록이 없음 (%s): 번호 %s (기동 %d), %s부터 %s까지",
    ),
    "gone": ("removed, or never stored", "삭제되었거나 저장되지 않음"),
    "still": ("what was kept still says, from %s (%s before):", "남아 있는 기록 기준, %s (%s 전):"),
    "kept": ("events, registers and identity (E, B, X, I)", "사건·적산·신원 기록 (E, B, X, I)"),
    "T": ("telemetry (T)", "측정 기록 (T)"),
    "M": ("minutes (M)", "분 기록 (M)"),
    "r1": ("budget of the storage used", "저장 용량 초과"),
    "r2": ("no encoding", "부호화 불가"),
    "r3": ("disk full, read-only or too slow", "디스크 가득 참·읽기 전용·지연"),
    "r4": ("damaged on the disk", "디스크 손상"),
    "no_time": (
        "none of these records has a wall time: ask with --at START+SECONDS, for example --at %d+%d",
        "기록에 벽시계 시각이 없음: --at 기동번호+초 로 질의 (예: --at %d+%d)",
    ),
    "nothing": (
        "%s: holds no whole record\n  → give a journal folder, an export or a database with records in it",
        "%s: 온전한 기록이 없음\n  → 기록이 있는 저널 폴더, 내보낸 파일 또는 데이터베이스를 지정하십시오",
    ),
    "no_start": (
        "start %d has no record here: there are records of start %s\n  → ask for example with --at %d+%d",
        "기동 %d의 기록이 없음: 기록이 있는 기동 %s\n  → 예: --at %d+%d",
    ),
    "ended": (
        "start %d ended earlier: its records are of %d+%d to %d+%d (seconds of its own clock)",
        "기동 %d은(는) 그 전에 끝남: 기록은 %d+%d부터 %d+%d까지 (자체 시계의 초)",
    ),
    "begins": (
        "before the first record of start %d: its records are of %d+%d to %d+%d (seconds of its own clock)",
        "기동 %d의 첫 기록 이전: 기록은 %d+%d부터 %d+%d까지 (자체 시계의 초)",
    ),
    "no_pack": ("there is no pack '%s' here: %s", "팩 '%s' 없음: %s"),
    "no_trip": ("no trip and no lock is recorded here", "기록된 차단·잠금이 없음"),
    "ago_s": ("%d s", "%d초"),
    "ago_min": ("%d min", "%d분"),
    "ago_h": ("%d h %d min", "%d시간 %d분"),
    "start": ("start %d, %s on its own clock", "기동 %d, 자체 시계 %s"),
}

# source (edge.core.limits.SOURCES): its name, and why it says what it says. %(..)s: measured values and documents.
SOURCES = {
    "mode": (("mode", "nothing may flow in the state %(mode)s"), ("운전 상태", "%(mode)s 상태에서는 전류 차단")),
    "input": (
        ("missing value", "a required value is not valid: %(quality)s"),
        ("필수 값", "필수 값 무효: %(quality)s"),
    ),
    "maker": (("manufacturer", "type data of the pack"), ("제조사", "팩 형식 자료")),
    "grade": (("test-centre grade", "%(grade)s"), ("시험소 등급", "%(grade)s")),
    "contract": (("contract", "%(lease)s"), ("계약", "%(lease)s")),
    "engineer": (("engineer", "an order that narrows: %(narrow)s"), ("엔지니어", "한도 축소 명령: %(narrow)s")),
    "order": (("order", "%(order)s"), ("명령", "%(order)s")),
    "bms": (("BMS", "as the battery's own controller says"), ("BMS", "BMS 자체 제한값")),
    "cell voltage": (
        ("cell voltage", "highest cell %(cell_max)s, lowest %(cell_min)s"),
        ("셀 전압", "최고 셀 %(cell_max)s, 최저 셀 %(cell_min)s"),
    ),
    "temperature": (
        ("temperature", "hottest sensor %(temp_max)s, coldest %(temp_min)s"),
        ("온도", "최고 %(temp_max)s, 최저 %(temp_min)s"),
    ),
    "SoC": (("state of charge", "%(soc)s"), ("충전 상태 (SoC)", "%(soc)s")),
    "SoH": (("state of health", "what is left of the capacity"), ("수명 상태 (SoH)", "남은 용량 기준")),
    "imbalance": (("imbalance", "spread of the cells %(spread)s"), ("셀 불균형", "셀 편차 %(spread)s")),
    "fault": (("fault", "%(fault)s"), ("고장", "%(fault)s")),
    "ramp": (("up-ramp", "a limit rises slowly, from 0 after a stop"), ("상승 제한", "정지 후 0에서 천천히 상승")),
    "guard": (
        ("guard", "the independent check of the raw values lowered it"),
        ("독립 감시", "원시 값 독립 검사가 낮춤"),
    ),
    "other pack": (("other pack", "another pack on the same PCS allows less"), ("다른 팩", "같은 PCS의 다른 팩 한도")),
    "late step": (("late step", "the controller was late"), ("제어 지연", "제어 주기 지연")),
    "none": (("none", ""), ("없음", "")),
}

DETAIL = {
    "grade": ("%s, grade %s of %s", "%s, %s 등급, %s"),
    "certificate": ("certificate %s version %s, signed by key %s", "인증서 %s 버전 %s, 서명 키 %s"),
    "unsigned": ("unsigned, from the settings", "서명 없음, 설정값"),
    "no_grade": ("identity not recorded", "신원 기록 없음"),
    "soc": ("%s ± %s (one sigma)", "%s ± %s (1σ)"),
    "no_order": ("no order is recorded", "명령 기록 없음"),
    "by_order": ("order %s, signed by key %s, taken at %s", "명령 %s, 서명 키 %s, 접수 %s"),
    "late": (
        "in force since after this record: the next one has its value",
        "이 기록 이후 적용됨: 값은 다음 기록에 있음",
    ),
    "released": ("lifted after this record by %s", "이 기록 이후 해제됨: %s"),
    "settings": ("settings of the site", "현장 설정"),
}


# Of edge.core.orders.VERDICTS, by code: English stands there.
VERDICTS_KO = (
    "없음",
    "적용",
    "저장 확인 대기",
    "명령 크기 초과",
    "서명 불신",
    "명령이 아님",
    "항목 누락·오류",
    "다른 장치용",
    "이미 쓴 계수",
    "키에 권한 없음",
    "신뢰할 시계가 없어 축소만 허용",
    "아직 유효하지 않음",
    "만료",
    "팩 없음",
    "상위 한도보다 느슨함",
    "사유 필요",
    "인증서 거부",
    "대기 명령 과다",
    "더 늦은 날짜의 서명된 등급 필요",
    "쓴 계수 기록 손실 이전 명령: 5분 뒤 다시 서명",
    "이 제어기는 명령으로 갱신 불가: 새 버전을 직접 설치",
    "업데이트 통보됨: 받는 중",
    "업데이트 수신 완료: 현장이 허용하면 시작",
    "이 장치의 롤백 번호보다 낮은 업데이트",
    "목록과 다른 업데이트",
    "이 장치의 배포 키로 서명되지 않은 업데이트",
    "다른 장치 또는 다른 보드용 업데이트",
    "업데이트를 저장할 공간 없음",
    "더 이상 전송되지 않는 업데이트",
)


def verdict(lang, code):
    """What became of an order: taken, waiting, or refused with the reason."""
    texts = VERDICTS_KO if lang == "ko" else VERDICTS
    text = texts[code] if code in range(len(texts)) else str(code)
    return text if code in (V_DONE, V_WAITS) else word(lang, "order_refused") % text


def word(lang, key):
    """The text of `key`."""
    return WORDS[key][LANGUAGES.index(lang)]


def source(lang, name):
    """(name, why) of a source; an unknown one as it is."""
    row = SOURCES.get(name)
    return row[LANGUAGES.index(lang)] if row else (name, "")


def detail(lang, key):
    """A piece of a reason."""
    return DETAIL[key][LANGUAGES.index(lang)]
