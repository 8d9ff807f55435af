# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Orders from outside: who may ask for what, and what of it is in force. Pure policy; signatures are the shell's.

verify(raw), given by the start-up file, returns (role, key id, type of the document, body, SHA-256 in hex), or a
text that says why the document is not believed. An order is then looked at in this order: size, signature, type,
form, device, counter (per key, only growing), window of time, role, pack, envelope. It is taken whole or refused
whole; nothing is clamped. Its counter is spent as soon as it is known to be meant for this device.

Without a trusted clock the window cannot be judged: then only what tightens is taken. What tightens acts in the
same step. What loosens waits until the state that contains it is durable, and until then the narrower of old and
new holds. A lease runs on the monotonic clock, each field for itself; when it ends, its declared value holds, never
"unlimited". After a boot it is void (the declared value holds) until a trusted clock says how much of it is left.
"""

from edge.core import terms as t
from edge.core.limits import S_CONTRACT, S_ENGINEER, S_ORDER, SIDES

ROLES, VERDICTS = t.ROLES, t.VERDICTS
(
    V_NONE,
    V_DONE,
    V_WAITS,
    V_LARGE,
    V_SIGNATURE,
    V_TYPE,
    V_FIELD,
    V_DEVICE,
    V_COUNTER,
    V_ROLE,
    V_CLOCK,
    V_EARLY,
    V_EXPIRED,
    V_PACK,
    V_LOOSER,
    V_REASON,
    V_CERTIFICATE,
    V_BUSY,
    V_REGRADE,
    V_LOST,
    V_ELSEWHERE,
    V_FETCHING,
    V_READY,
    V_OLDER,
    V_DAMAGED,
    V_UNSIGNED,
    V_BOARD,
    V_ROOM,
    V_GIVEN_UP,
) = range(len(VERDICTS))

TRUSTED_CLOCK = 2  # quality from which a window of time is judged: RTC, NTP, signed
MAX_W = 5000000
MAX_POWER_S = 86400
MAX_WAITING = 8
UNKNOWN_S = -1  # the counters were lost, and no trusted clock said yet when
REFUSALS_PER_MINUTE = 5


class Orders:
    """Orders of one site. settings: checked; durable: edge.core.durable.Durable; saved: dict as state() gave it,
    or None; verify: see the module, None when no key is trusted. lost: a newer state than saved may have been lost:
    nothing flows until a release, and what loosens must have been signed after that (its counter may be used)."""

    def __init__(self, settings, durable, saved, verify, lost):
        self.settings = settings
        self.durable = durable
        self.verify = verify
        self.names = [pack["id"] for pack in settings["packs"]]
        self.refused = 0  # refusals that were not told, for the flood guard
        self._told = 0
        self._minute_ms = 0
        self._now_ms = None
        self._power = None
        self.asked = None  # (W, until ms) of a power order that the site has not taken yet
        self.updates = False  # somebody takes updates here
        self.update = None  # (parameters, what _judge() told of the order) of an update that he has not taken yet
        try:
            self._load(saved or {})
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            self._load({})
            lost = True
        if lost:
            self.stopped, self.floor_s = True, UNKNOWN_S

    def _load(self, saved):
        self.counters = {key: int(saved["counters"][key]) for key in saved.get("counters", ())}
        self.stopped = bool(saved.get("stopped"))
        self.observing = bool(saved.get("observing"))
        self.floor_s = int(saved.get("floor_s") or 0)  # what loosens and holds from before may be a repetition
        self.terms = {}  # (name of the pack, side, source) -> Term in force
        self.waiting = []  # (ticket, operation, what _judge() told of the order), oldest first
        self._saved_terms = list(saved.get("terms", ()))
        self._restored = list(saved.get("waiting", ()))  # it is durable: in force at the first step
        for rows in [self._saved_terms] + [row[1] for row in self._restored if row[0] == "terms"]:
            t.terms_of(rows, 0)
        for row in self._restored:
            if row[0] == "acknowledge" and [name for name, seen in row[1] if not isinstance(seen, list)]:
                raise ValueError(row)
        self.grades = dict(saved.get("grades", {}))
        for name in self.grades:
            self._regrade(name, self.grades[name])

    # ---- what others see ---------------------------------------------------------------------------

    def papers(self):
        """Per pack (for charging, for discharging) what limits and guard must obey, as raw numbers with times.
        What waits narrows already."""
        halted = [(S_ORDER, 0, None, None)] if self.stopped or self.observing else []
        terms = list(self.terms.items())
        for _, operation, _ in self.waiting:
            if operation[0] == "terms":
                terms.extend(operation[1])
        found = []
        for name in self.names:
            rows = (list(halted), list(halted))
            for place, term in terms:
                if place[0] == name:
                    rows[place[1]].append(term.paper(place[2]))
            found.append((tuple(rows[0]), tuple(rows[1])))
        return tuple(found)

    def requested_w(self, now_ms):
        """Power that somebody asked for in W, + charges; None when nobody does (any more)."""
        return self._power[0] if self._power is not None and now_ms < self._power[1] else None

    def state(self):
        """Dict for the store: what is in force, and what waits for just this."""
        now_ms = self._now_ms
        return {
            "counters": dict(self.counters),
            "terms": t.stored(self.terms.items(), now_ms) + self._saved_terms,
            "stopped": int(self.stopped),
            "observing": int(self.observing),
            "floor_s": self.floor_s,
            "grades": dict(self.grades),
            "waiting": [t.plain(row[1], now_ms) for row in self.waiting] + self._restored,
        }

    # ---- each step -----------------------------------------------------------------------------------

    def step(self, now_ms, utc, raws, site):
        """Let in force what has become durable, judge the orders that arrived (list of bytes); the records.

        site: edge.core.site.Site. Acts before the limits of this step are made.
        """
        self._now_ms = now_ms
        self._site = site
        utc_s = utc[0] if utc[1] >= TRUSTED_CLOCK else None
        if self.floor_s == UNKNOWN_S and utc_s is not None:
            self.floor_s = utc_s
        self._resume(now_ms, utc_s)
        records = []
        while self.waiting and self.durable.kept(self.waiting[0][0]):
            _, operation, told = self.waiting.pop(0)
            self._act(operation)
            self.durable.ticket()  # and the store learns that it waits no more
            records.append(t.record(now_ms, utc, V_DONE, told, self.refused))
        for raw in raws:
            verdict, told = self._judge(now_ms, utc_s, raw)
            if self._is_told(now_ms, verdict):
                records.append(t.record(now_ms, utc, verdict, told, self.refused))
        return records

    def _resume(self, now_ms, utc_s):
        """First step: what the state holds. Leases are void until a trusted clock says what is left of them; a
        narrowing goes on with all that was left when it was saved."""
        self.terms.update(t.terms_of(self._saved_terms, now_ms))
        self._saved_terms = []
        for operation in self._restored:
            if operation[0] == "terms":
                operation = ("terms", t.terms_of(operation[1], now_ms))
            self._act(operation)
        self._restored = []
        if utc_s is None:
            return
        for place in self.terms:
            term = self.terms[place]
            if term.until_ms is None and term.until_s is not None:
                term.until_ms = now_ms + max(min(term.left_ms, (term.until_s - utc_s) * 1000), 0)

    def _act(self, operation):
        """Let in force what has become durable."""
        kind = operation[0]
        if kind == "terms":
            self.terms.update(operation[1])
        elif kind == "release":
            self.stopped = False
        elif kind == "control":
            self.observing = False
        elif kind == "acknowledge":
            for name, seen in operation[1]:
                if name in self.names:
                    self._site.packs[self.names.index(name)].acknowledge(seen)
        else:
            self.grades[operation[1]] = operation[2]
            self._regrade(operation[1], operation[2])

    def _regrade(self, name, grade):
        """Let a grade of an order hold, when it is of the pack that is here and newer than the one in force."""
        from edge.core.grades import fits

        for pack in self.settings["packs"]:
            if pack["id"] == name and fits(pack, grade):
                pack["grade"] = dict(grade[1])

    # ---- one order ---------------------------------------------------------------------------------

    def _judge(self, now_ms, utc_s, raw):
        """(verdict, (action, counter, key, digest, pack, reason)) of the bytes of one order."""
        if len(raw) > t.MAX_BYTES:
            return V_LARGE, None
        found = "no key is trusted" if self.verify is None else self.verify(raw)
        if isinstance(found, str):
            return V_SIGNATURE, (None, None, None, None, None, found)
        role, key, kind, body, digest = found
        told = (None, None, key, digest, None, None)
        if kind != t.ORDER:
            return V_TYPE, told
        if not t.is_order(body):
            return V_FIELD, told
        counter = body[t.K_COUNTER]
        told = (body[t.K_ACTION], counter, key, digest, body.get(t.K_PACK), body.get(t.K_REASON))
        if body[t.K_DEVICE] != self.settings["device"]:
            return V_DEVICE, told
        if counter <= self.counters.get(key, 0):
            return V_COUNTER, told
        self.counters[key] = counter
        return self._decide(now_ms, utc_s, role, body, told), told

    def _decide(self, now_ms, utc_s, role, body, told):
        """Verdict on an order that is genuine, new and for us; what is taken acts or waits."""
        if utc_s is not None and utc_s < body[t.K_NOT_BEFORE]:
            return V_EARLY
        if utc_s is not None and utc_s > body[t.K_EXPIRES]:
            return V_EXPIRED
        action = body[t.K_ACTION]
        if action not in ROLES.get(role, ()):
            return V_ROLE
        packs = range(len(self.names))
        if body.get(t.K_PACK) is not None:
            if body[t.K_PACK] not in packs:
                return V_PACK
            packs = (body[t.K_PACK],)
        ways = (None, self._lease, self._narrow, self._grade, self._acknowledge, self._mode, self._ask, self._stop)
        if action in (t.POWER, t.UPDATE) and not self._is_new(body):
            return V_LOST
        if action == t.UPDATE:
            return self._update(utc_s, body, told)
        verdict, operation = ways[action](now_ms, utc_s, body, packs)
        if operation is None:
            if verdict == V_DONE:
                self.durable.ticket()
            return verdict
        if utc_s is None and action != t.GRADE:  # a grade that only tightens
            return V_CLOCK
        if not self._is_new(body):
            return V_LOST
        most = 2 * MAX_WAITING if operation[0] == "terms" and self._tightens(now_ms, operation[1]) else MAX_WAITING
        if len(self.waiting) >= most:
            return V_BUSY
        self.waiting.append((self.durable.ticket(), operation, told))
        return V_WAITS

    def _tightens(self, now_ms, rows):
        """True when every row of ("terms", rows) tightens: lowering does not wait for room."""
        return False not in [term.tightens(now_ms, self.terms.get(place)) for place, term in rows]

    def _is_new(self, body):
        """True when an order cannot be the repetition of one whose counter was lost."""
        return 0 <= self.floor_s <= body[t.K_NOT_BEFORE]

    # Each way: (verdict, operation that waits or None) of now_ms, utc_s or None, body, indexes of packs.

    def _lease(self, now_ms, utc_s, body, packs):
        made = self._made(now_ms, utc_s, packs, t.leased(body[t.K_PARAMS]), S_CONTRACT)
        if not isinstance(made, dict):
            return made, None
        waits = [row for row in self.waiting if row[1][0] == "terms"]
        for place in made:
            if waits or not made[place].tightens(now_ms, self.terms.get(place)):
                return V_WAITS, ("terms", list(made.items()))
        self.terms.update(made)
        return V_DONE, None

    def _narrow(self, now_ms, utc_s, body, packs):
        made = self._made(now_ms, utc_s, packs, t.narrowed(body[t.K_PARAMS]), S_ENGINEER)
        if not isinstance(made, dict):
            return made, None
        for place in made:
            term, before = made[place], self.terms.get(place)
            if before is not None and before.now(now_ms) is not None:  # both hold: never looser, never shorter
                term.value = min(term.value, before.value)
                term.until_ms = max(term.until_ms, before.until_ms)
            self.terms[place] = term
        return V_DONE, None

    def _made(self, now_ms, utc_s, packs, rows, source):
        """{place: t.Term} of the rows of t.leased() or t.narrowed(), or the verdict that refuses them."""
        if rows is None:
            return V_FIELD
        made = {}
        for i in packs:
            pack = self.settings["packs"][i]
            for side, value, seconds, after in rows:
                if value > t.envelope(pack, SIDES[side]):
                    return V_LOOSER
                until_s = None if utc_s is None else utc_s + seconds
                made[(pack["id"], side, source)] = t.Term(value, after, now_ms + seconds * 1000, until_s)
        return made

    def _grade(self, now_ms, utc_s, body, packs):
        from edge.core import grades

        raw = body[t.K_PARAMS].get(1)
        if not isinstance(raw, bytes) or len(body[t.K_PARAMS]) != 1 or len(packs) != 1:
            return V_FIELD, None
        found = self.verify(raw)
        if isinstance(found, str) or found[0] != "grade" or found[2] != t.CERTIFICATE:
            return V_CERTIFICATE, None
        (index,) = packs
        pack = self.settings["packs"][index]
        grade = grades.grade_of(pack, found[3], utc_s, found[1], found[4])
        if grade is None:
            return V_CERTIFICATE, None
        if grades.is_wider(grade[1], pack["maker"]):
            return V_LOOSER, None
        if utc_s is None and grades.is_looser(grade[1], pack["grade"]):
            return V_CLOCK, None
        pack["grade"] = grades.narrower(pack["grade"], grade[1])
        return V_WAITS, ("grade", pack["id"], grade)

    def _acknowledge(self, now_ms, utc_s, body, packs):
        if body[t.K_PARAMS]:
            return V_FIELD, None
        if not body.get(t.K_REASON):
            return V_REASON, None
        if [i for i in packs if self._site.packs[i].waits_for_grade()]:
            return V_REGRADE, None
        return V_WAITS, ("acknowledge", [[self.names[i], self._site.packs[i].faults.names()] for i in packs])

    def _mode(self, now_ms, utc_s, body, packs):
        wanted = t.switch(body[t.K_PARAMS])
        if wanted is None:
            return V_FIELD, None
        if wanted == 0:
            self.observing = True
            self._forget("control")
            return V_DONE, None
        if self.settings["mode"] != "control":
            return V_LOOSER, None
        return V_WAITS, ("control",)

    def _ask(self, now_ms, utc_s, body, packs):
        params = body[t.K_PARAMS]
        if len(params) != 2 or not t.whole(params.get(1), -MAX_W, MAX_W) or not t.whole(params.get(2), 1, MAX_POWER_S):
            return V_FIELD, None
        if utc_s is None:
            return V_CLOCK, None
        self._power = (params[1], now_ms + params[2] * 1000)
        self.asked = self._power
        return V_DONE, None

    def _stop(self, now_ms, utc_s, body, packs):
        wanted = t.switch(body[t.K_PARAMS])
        if wanted is None:
            return V_FIELD, None
        if wanted == 0:
            return V_WAITS, ("release",)
        self.stopped = True
        self._forget("release")
        return V_DONE, None

    def _update(self, utc_s, body, told):
        if not t.is_update(body[t.K_PARAMS]):
            return V_FIELD
        if not self.updates:
            return V_ELSEWHERE
        if utc_s is None:
            return V_CLOCK
        self.update = (body[t.K_PARAMS], told)
        return V_FETCHING

    def _forget(self, kind):
        """What waits of this kind was overtaken."""
        self.waiting = [row for row in self.waiting if row[1] != (kind,)]

    def _is_told(self, now_ms, verdict):
        """False for a refusal above REFUSALS_PER_MINUTE: it is only counted."""
        if verdict in (V_DONE, V_WAITS, V_FETCHING):
            return True
        if now_ms - self._minute_ms >= 60000:
            self._minute_ms = now_ms
            self._told = 0
        self._told += 1
        if self._told <= REFUSALS_PER_MINUTE:
            return True
        self.refused += 1
        return False
