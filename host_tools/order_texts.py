# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What people read about orders, in English and Korean (see texts.py)."""

from edge.core.orders import VERDICTS
from host_tools.explain_texts import VERDICTS_KO
from host_tools.texts import LANGUAGES

WORDS = {
    "verified": ("VERIFIED: signed by key %s (%s), role %s", "검증됨: 키 %s (%s) 서명, 역할 %s"),
    "not_verified": ("NOT VERIFIED: %s: %s\n  → %s", "검증되지 않음: %s: %s\n  → %s"),
    "trust_it": (
        "when you trust the signer, name the key: --trust ROLE=FILE (.pub, or .mac of a device)",
        "서명자를 신뢰하면 키를 지정하십시오: --trust 역할=파일 (.pub, 또는 기기의 .mac)",
    ),
    "get_again": ("get the order again from whoever signed it", "서명한 사람에게서 명령 파일을 다시 받으십시오"),
    "no_order": ("is a signed document, but no order", "서명 문서이지만 명령이 아님"),
    "may_not": (
        "this role may not give this order: the device will refuse it",
        "이 역할은 이 명령을 내릴 수 없음: 기기가 거부함",
    ),
    "expired": ("expired at %s", "%s 만료됨"),
    "signed": ("signed by key %s (%s), %d bytes, SHA-256 %s", "키 %s (%s) 서명, %d 바이트, SHA-256 %s"),
    "sent": (
        "the broker has taken it for %s; what became of it arrives as an event record (reuse-edge receive)",
        "브로커가 접수함: %s; 처리 결과는 이벤트 기록으로 도착함 (reuse-edge receive)",
    ),
    "reply": ("%s: %s", "%s: %s"),
    "stranger": (
        "%s refuses an order without saying which: %s; probably this one",
        "%s: 어느 명령인지 알 수 없는 명령을 거부함: %s; 아마 이 명령임",
    ),
    "no_reply": (
        "the broker has taken it, but %s does not reply: it is away, cannot write .../rsp, or refuses too many orders "
        "in a minute; what became of it arrives as an event record",
        "브로커는 접수했으나 %s 응답이 없음: 연결이 끊겼거나 .../rsp 쓰기 권한이 없거나 1분 안에 거부가 너무 많음; "
        "처리 결과는 이벤트 기록으로 도착함",
    ),
    "says": ("What it asks for:", "내용:"),
}
FIELDS = {
    "action": ("action", "명령"),
    "device": ("device", "기기"),
    "counter": ("counter", "순번"),
    "not_before": ("not before", "유효 시작"),
    "expires": ("expires", "유효 기한"),
    "pack": ("pack (index)", "팩 (번호)"),
    "reason": ("reason", "사유"),
    "charge_ma": ("charge, at most", "충전 전류 상한"),
    "charge_lease_s": ("  for", "  기간"),
    "charge_after_ma": ("  afterwards", "  이후"),
    "discharge_ma": ("discharge, at most", "방전 전류 상한"),
    "discharge_lease_s": ("  for", "  기간"),
    "discharge_after_ma": ("  afterwards", "  이후"),
    "for_s": ("for", "기간"),
    "mode": ("mode", "운전 상태"),
    "power_w": ("power (+ charges)", "전력 (+ 충전)"),
    "valid_s": ("for", "기간"),
    "stop": ("stop (1) or release (0)", "정지(1) / 해제(0)"),
    "bundle": ("bundle (SHA-256 of its manifest)", "번들 (매니페스트 SHA-256)"),
    "bytes": ("bytes", "바이트"),
    "rollback": ("roll-back number", "롤백 번호"),
    "certificate": ("certificate (SHA-256)", "성적서 (SHA-256)"),
}


def word(lang, key, *detail):
    """The words for key, filled with detail."""
    return WORDS[key][LANGUAGES.index(lang)] % detail


def reply(lang, device, told):
    """What a device replied to an order (host_tools.answers.Reply)."""
    verdict = (VERDICTS_KO if lang == "ko" else VERDICTS)[told.verdict]
    verdict = verdict if told.reason is None else "%s (%s)" % (verdict, told.reason)
    return word(lang, "reply" if told.ours else "stranger", device, verdict)


def field(lang, name):
    """What a reader calls a field of an order."""
    return FIELDS[name][LANGUAGES.index(lang)]
