# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The words of `reuse-edge replay`, on the terminal and in its plots, in English and Korean."""

from host_tools.texts import LANGUAGES

WORDS = {
    "opening": ("reading", "읽는 중"),
    "reading": ("replaying", "재생 중"),
    "rows": ("%s rows over %s, of which %s not known", "%s행, 기간 %s, 그중 %s 값 없음"),
    "duplicates": ("%d rows with a time that was there already: passed over", "시각이 중복된 %d행: 건너뜀"),
    "skipped": ("%d bad rows passed over", "잘못된 %d행 건너뜀"),
    "soc": ("SoC", "SoC"),
    "capacity": ("capacity", "용량"),
    "bias": ("current offset", "전류 오프셋"),
    "resistance": ("resistance at 10 s, mean cell", "10초 저항, 평균 셀"),
    "informed": ("last information %s before the end", "마지막 근거: 종료 %s 전"),
    "aligned": ("alignments: %d believed", "정렬: %d회 채택"),
    "refused": ("%d refused (%s)", "%d회 기각 (%s)"),
    "weakest": ("weakest cell #%d %s, strongest #%d %s", "최약 셀 #%d %s, 최강 셀 #%d %s"),
    "no_cells": ("cells cannot be told apart at the end", "종료 시점에 셀 구별 불가"),
    "anomaly": ("anomaly: %s", "이상: %s"),
    "truth": ("against the truth: RMSE %s, largest error %s, inside 2 sigma %s",
              "참값 대비: RMSE %s, 최대 오차 %s, 2σ 이내 %s"),
    "settled": ("  after the first day: RMSE %s, largest error %s", "  첫날 이후: RMSE %s, 최대 오차 %s"),
    "bms": ("BMS against the truth: RMSE %s, largest error %s", "BMS 참값 대비: RMSE %s, 최대 오차 %s"),
    "apart": ("BMS against ours: rms %s, largest %s", "BMS와 추정의 차이: rms %s, 최대 %s"),
    "written": ("written: %s", "저장: %s"),
    "no_plots": ("no plots: matplotlib is not installed\n  → python -m pip install \"reuse-edge[host]\"",
                 "그래프 없음: matplotlib 미설치\n  → python -m pip install \"reuse-edge[host]\""),
    # what a journal does not hold
    "resolution": ("measurements come every 10 s, the current is the one of that moment; single cells are not "
                   "recorded: nothing is said of them",
                   "측정 기록은 10초 간격이며 전류는 그 순간의 값; 셀별 기록이 없어 셀은 판단하지 않음"),
    "lost": ("%d records are not in the journal (%s), from %s to %s", "저널에 없는 기록 %d건 (%s), %s부터 %s까지"),
    "damaged": ("%s: damaged at byte %d, the records there are missing: reuse-edge audit verify tells more",
                "%s: %d 바이트 위치 손상, 그곳의 기록 없음: reuse-edge audit verify 로 확인"),
    "swapped": ("the serial number changes from %s to %s at %s: give --from for the pack after it",
                "일련번호가 %s에서 %s(으)로 바뀜 (%s): 이후 팩은 --from 으로 지정"),
    "no_clock": ("start %d has no wall clock: it is put an hour from its neighbour",
                 "기동 %d에 벽시계 없음: 이웃 기동과 1시간 간격으로 둠"),
    "back": ("start %d begins before the one before it ends: its clock is not used, it is put an hour behind it",
             "기동 %d의 시계가 앞 기동의 끝보다 이름: 그 시계 대신 1시간 뒤로 둠"),
    "other_device": ("the settings are of '%s', the journal is of '%s'", "설정의 장치는 '%s', 저널의 장치는 '%s'"),
    # plots
    "time_h": ("time since start (h)", "시작 후 경과 시간 (h)"),
    "time_d": ("time since start (days)", "시작 후 경과 시간 (일)"),
    "time_utc": ("time (UTC)", "시각 (UTC)"),
    "soc_axis": ("state of charge (% of present capacity)", "충전 상태 (현재 용량의 %)"),
    "soc_title": ("State of charge of %s", "%s 충전 상태"),
    "ours": ("estimate", "추정"),
    "band": ("estimate ± 2σ", "추정 ± 2σ"),
    "bms_says": ("BMS", "BMS"),
    "true": ("truth", "참값"),
    "error_axis": ("error (% points)", "오차 (%p)"),
    "bms_axis": ("estimate − BMS (% points)", "추정 − BMS (%p)"),
    "capacity_title": ("Capacity of %s", "%s 용량"),
    "capacity_axis": ("present capacity (Ah)", "현재 용량 (Ah)"),
    "capacity_band": ("estimate ± 1σ", "추정 ± 1σ"),
    "certificate": ("certificate %s ± %s Ah (1σ)", "성적서 %s ± %s Ah (1σ)"),
    "cells_title": ("Cells of %s: SoC against the mean cell", "%s 셀: 평균 셀 대비 SoC"),
    "cells_axis": ("cell", "셀"),
    "cells_bar": ("SoC above the mean cell (% points)", "평균 셀 대비 SoC (%p)"),
    "hidden": ("grey: not observable", "회색: 관측 불가"),
    "innovation_title": ("Innovation of %s: measured minus predicted voltage of the mean cell",
                         "%s 잔차: 평균 셀의 측정 전압 − 예측 전압"),
    "innovation_axis": ("innovation (mV per cell)", "잔차 (셀당 mV)"),
    "each": ("each block of 10 s", "10초 블록별"),
    "rms": ("± rms over 1 h", "± 1시간 rms"),
}  # fmt: skip


def word(lang, key):
    """The word for `key`; KeyError for a key nobody declared."""
    return WORDS[key][LANGUAGES.index(lang)]
