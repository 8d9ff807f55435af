# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What people read about signed documents and certificates, in English and Korean (see texts.py)."""

from host_tools.texts import LANGUAGES

# Why a document or a key is refused: code: ((problem, mend) in English, the same in Korean).
PROBLEMS = {
    "large": (
        ("%s bytes are more than the %s of a signed document", "name the document itself"),
        ("%s 바이트: 서명 문서의 최대 크기 %s 초과", "문서 파일 자체를 지정하십시오"),
    ),
    "damaged": (
        ("is damaged or no signed document (%s)", "get the file again from whoever signed it"),
        ("손상되었거나 서명 문서가 아님 (%s)", "서명한 기관에서 파일을 다시 받으십시오"),
    ),
    "type": (
        ("is a document of type '%s', not '%s'", "name a file of the right kind"),
        ("문서 종류가 '%s' ('%s' 아님)", "올바른 종류의 파일을 지정하십시오"),
    ),
    "version": (
        ("has format version %s, this software reads %s", "update reuse-edge"),
        ("문서 형식 버전 %s, 이 소프트웨어는 %s", "reuse-edge를 업데이트하십시오"),
    ),
    "no_trust": (
        ("is signed by key %s, but no key is trusted", "name the signer's public key file, got from the signer"),
        ("키 %s(으)로 서명됨, 신뢰하는 키가 없음", "서명 기관에서 받은 공개 키 파일을 지정하십시오"),
    ),
    "unknown_key": (
        ("is signed by key %s, which is not trusted (trusted: %s)", "get the signer's public key from the signer"),
        ("신뢰하지 않는 키 %s(으)로 서명됨 (신뢰: %s)", "서명 기관에서 공개 키를 받으십시오"),
    ),
    "signature": (
        ("does not carry a valid signature of key %s: it was changed, or not signed by it", "get the file again"),
        ("키 %s의 유효한 서명이 아님: 변경되었거나 이 키로 서명되지 않음", "파일을 다시 받으십시오"),
    ),
    "exists": (
        ("%s exists already", "choose another name: nothing is overwritten"),
        ("%s 파일이 이미 있음", "다른 이름을 쓰십시오: 덮어쓰지 않습니다"),
    ),
    "not_private": (
        (
            "%s is no Ed25519 private key, or its passphrase is wrong",
            "make one: reuse-edge key new NAME, or openssl genpkey -algorithm ed25519",
        ),
        ("%s: Ed25519 개인 키가 아니거나 암호가 틀림", "reuse-edge key new NAME 으로 만드십시오"),
    ),
    "not_public": (
        ("%s is no Ed25519 public key", "name the .pub file that `reuse-edge key new` wrote"),
        ("%s: Ed25519 공개 키가 아님", "`reuse-edge key new` 가 만든 .pub 파일을 지정하십시오"),
    ),
    "private_given": (
        ("%s is a private key", "name the public one (.pub), and keep this file off every site"),
        ("%s 은(는) 개인 키", "공개 키(.pub)를 지정하고 이 파일은 현장에 두지 마십시오"),
    ),
    "role": (
        ("'%s' is no role (there are: %s)", "name one of these"),
        ("'%s': 없는 역할 (%s)", "이 중 하나를 쓰십시오"),
    ),
    "field": (
        ("%s: %s", "ask the test centre for a corrected certificate: it is refused whole"),
        ("%s: %s", "시험기관에 정정된 성적서를 요청하십시오: 전체가 거부됩니다"),
    ),
}

# The fields of a certificate (host_tools.certificate.FIELDS) as a reader calls them.
FIELDS = {
    "serial": ("serial of the pack", "팩 일련번호"),
    "chemistry": ("chemistry", "화학계"),
    "grade": ("grade", "등급"),
    "body": ("test centre", "시험기관"),
    "number": ("certificate number", "성적서 번호"),
    "method": ("method", "시험 방법"),
    "date": ("date of the test", "시험일"),
    "valid_until": ("valid until", "유효 기한"),
    "version": ("version", "버전"),
    "capacity_mah": ("capacity", "용량"),
    "capacity_std_mah": ("capacity, one σ", "용량 표준편차"),
    "resistance_uohm": ("resistance after 10 s", "10초 저항"),
    "resistance_temp_mc": ("  at", "  측정 온도"),
    "charge_ma": ("charge, at most", "충전 전류 상한"),
    "discharge_ma": ("discharge, at most", "방전 전류 상한"),
    "cell_max_mv": ("cell, at most", "셀 전압 상한"),
    "cell_min_mv": ("cell, at least", "셀 전압 하한"),
    "temp_max_mc": ("temperature, at most", "온도 상한"),
    "temp_min_mc": ("temperature, at least", "온도 하한"),
    "temp_min_charge_mc": ("temperature for charge, at least", "충전 온도 하한"),
}

WORDS = {
    "verified": ("VERIFIED: signed by key %s (%s), unchanged since", "검증됨: 키 %s (%s) 서명, 이후 변경 없음"),
    "not_verified": ("NOT VERIFIED: %s %s", "검증되지 않음: %s %s"),
    "claims": ("What it claims, vouched for by nobody:", "검증되지 않은 문서의 내용:"),
    "says": ("What it says:", "내용:"),
    "future": (
        "NOT VALID: dated %s, but this machine's clock says %s",
        "유효하지 않음: 시험일 %s, 이 기기의 시계는 %s",
    ),
    "expired": (
        "NOT VALID: expired on %s, this machine's clock says %s",
        "유효하지 않음: %s 만료, 이 기기의 시계는 %s",
    ),
    "clock": (
        "dates not checked: this machine's clock says %s, before this software was made",
        "날짜 미확인: 이 기기의 시계가 %s (소프트웨어 제작 이전)",
    ),
}


def problem(lang, code, detail):
    """(problem, mend) of a DocumentError in one language."""
    text, mend = PROBLEMS[code][LANGUAGES.index(lang)]
    return text % tuple(detail), mend


def word(lang, key, *detail):
    """The words for key, filled with detail."""
    return WORDS[key][LANGUAGES.index(lang)] % detail


def field(lang, name):
    """What a reader calls a field of a certificate."""
    return FIELDS[name][LANGUAGES.index(lang)]
