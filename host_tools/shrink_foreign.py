# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Names that objects of the firmware may have; for shrink_rename, which leaves them alone.

Those of Python's own types and of the modules that a board has too are asked here; those of MicroPython alone stand in
a list (docs.micropython.org: machine, network, asyncio and the protocol of streams).
"""

import asyncio
import asyncio.locks
import builtins
import collections
import hashlib
import heapq
import io
import json
import os
import random
import re
import select
import socket
import ssl
import struct
import sys
import time

MODULES = (asyncio, builtins, collections, hashlib, heapq, io, json, os, random, re, select, socket, ssl, struct, sys)
TYPES = (asyncio.StreamReader, asyncio.StreamWriter, asyncio.Event, asyncio.Lock, asyncio.Task, asyncio.Server)
TYPES += (type(hashlib.sha256()), type(re.compile("")), type(re.match("", "")), type(select.poll()), type(lambda: 0))
TYPES += (type((lambda: (yield))()), type(sys.implementation), asyncio.AbstractEventLoop)
MICROPYTHON = (
    # streams, files, block devices
    "readinto readline readexactly readblocks writeblocks ioctl seek tell flush awrite aclose any write read "
    # machine
    "machine RTC WDT UART Pin CAN I2C SPI ADC PWM Timer Signal IN OUT OPEN_DRAIN PULL_UP PULL_DOWN IRQ_FALLING "
    "IRQ_RISING IRQ_RX feed deinit init on off value toggle mode pull irq datetime txdone sendbreak reset soft_reset "
    "reset_cause unique_id freq idle lightsleep deepsleep mem8 mem16 mem32 disable_irq enable_irq duty_u16 read_u16 "
    "PWRON_RESET HARD_RESET WDT_RESET DEEPSLEEP_RESET SOFT_RESET recv send set_filters state restart rx tx tx_done "
    # network
    "network WLAN STA_IF AP_IF active connect disconnect isconnected status config ifconfig scan ipconfig hostname "
    # time, gc, os, asyncio
    "ticks_ms ticks_us ticks_cpu ticks_add ticks_diff sleep_ms sleep_us time_ns gmtime localtime mktime mem_alloc "
    "mem_free threshold collect mount umount VfsLfs2 VfsFat VfsRom sync dupterm uname statvfs ilistdir print_exception "
    "ThreadSafeFlag new_event_loop current_task cur_task out_buf state data coro ph_key set wait_for_ms "
    "const opt_level kbd_intr heap_lock heap_unlock schedule mem_info qstr_info load_der cadata key cert "
    "server_hostname verify_mode load_cert_chain load_verify_locations wrap_socket digest update hexdigest errno argv "
    "path modules"
)
FOREIGN = {name for module in MODULES for name in dir(module)} | {name for each in TYPES for name in dir(each)}
FOREIGN.update(name for each in vars(builtins).values() if isinstance(each, type) for name in dir(each))
FOREIGN.update(name for each in vars(io).values() if isinstance(each, type) for name in dir(each))
FOREIGN.update(name for each in (socket.socket, ssl.SSLContext, ssl.SSLSocket, collections.deque) for name in dir(each))
FOREIGN.update(dir(time))
FOREIGN.update(MICROPYTHON.split())
