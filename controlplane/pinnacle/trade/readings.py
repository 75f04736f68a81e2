"""What the desk publishes in its state segment, as plain objects: the source of every read verb.

Prices and money are decimal strings (exact), sizes integers, times ns since the epoch.
docs/trading.md explains the keys.
"""

from typing import Any

from pinnacle import layout
from pinnacle.abi import ffi, lib
from pinnacle.errors import RegionError
from pinnacle.layout import StructArray
from pinnacle.prices import price_text
from pinnacle.records import stage_of
from pinnacle.region import View
from pinnacle.trade.names import LEVEL_NAMES, SIDE_NAMES, Names, Slot
from pinnacle.trade.units import Q8, Q16, money_exact

OWN_ORDER = layout.struct_dtype("struct pn_own_order")
FILL = layout.struct_dtype("struct pn_fill")
POSITION = layout.struct_dtype("struct pn_position")
ORDER_STATES = ("free", "sent", "live", "cancelling", "replacing", "unknown", "filled",
                "cancelled", "rejected", "replaced")  # fmt: skip
SESSION_STATES = ("down", "connecting", "login", "recover", "up", "refused", "closed")
TIFS = ("day", "ioc", "fok", "gtc")
STAGES = ("signal", "quote", "gate", "order", "encode", "tick_to_order", "ack")
_FLAGS = {"post_only": lib.PN_OF_POST_ONLY, "manual": lib.PN_OF_MANUAL,
          "flatten": lib.PN_OF_FLATTEN, "hidden": lib.PN_OF_HIDDEN}  # fmt: skip
DESK_COUNTERS = (
    "steps", "decisions", "orders_new", "orders_replace", "orders_cancel", "replies", "fills",
    "own_live", "own_unknown", "journal_seq", "journal_bytes", "markouts_lost", "halted",
    "requests", "request_code", "surprises", "bad_params",
)  # fmt: skip


def refusals() -> dict[str, str]:
    """Every reason for which the gate refuses, with what it means."""
    found: dict[str, str] = {}
    number = 1
    while (label := lib.pn_refusal_label(number)) != ffi.NULL:
        found[ffi.string(label).decode()] = ffi.string(lib.pn_refusal_help(number)).decode()
        number += 1
    return found


REFUSALS = refusals()


class Desk:
    """Reads the trading half of a view; raises ``RegionError`` where the segment has none."""

    def __init__(self, view: View, names: Names) -> None:
        self.view, self.names = view, names

    def _copy(self, call: Any, ctype: str, *index: int) -> Any:
        out = ffi.new(f"{ctype} *")
        if call(self.view.handle, *index, out):
            raise RegionError("this segment holds no such record of trading; does the shard trade?")
        return out

    # -- raw records, for numpy

    def own_orders(self, *, done: bool = False) -> StructArray:
        """Own orders that are not done, or all that are kept, as ``struct pn_own_order``."""

        def call(out: Any, room: int) -> int:
            return int(lib.pn_view_own_orders(self.view.handle, done, out, room))

        return self._rows(OWN_ORDER, "struct pn_own_order *", 4096, call)

    def new_fills(self, after: int = 0) -> StructArray:
        """Fills numbered above ``after`` that are still kept, as ``struct pn_fill``."""

        def call(out: Any, room: int) -> int:
            return int(lib.pn_view_fills(self.view.handle, after, out, room))

        return self._rows(FILL, "struct pn_fill *", lib.PN_FILLS_RING, call)

    def _rows(self, dtype: Any, ctype: str, room: int, call: Any) -> StructArray:
        while True:
            array = layout.empty(dtype, room)
            count = call(layout.pointer(array, ctype), room)
            if count < 0:
                raise RegionError("this segment does not trade, or its writer died in an update")
            if count < room or room >= 1 << 23 or dtype is FILL:
                return array[:count]
            room *= 8

    def position(self, slot: int) -> Any:
        """One ``struct pn_position``."""
        return self._copy(lib.pn_view_position, "struct pn_position", slot)

    def signals(self, slot: int) -> Any:
        """One ``struct pn_signals``."""
        return self._copy(lib.pn_view_signals, "struct pn_signals", slot)

    # -- readable

    def orders(self, *, done: bool = False, name: str | None = None) -> list[dict[str, Any]]:
        """Own orders, oldest first."""
        wanted = None if name is None else {s.number for s in self.names.find(name)}
        rows = [self._order(row) for row in self.own_orders(done=done)
                if wanted is None or int(row["slot"]) in wanted]  # fmt: skip
        return sorted(rows, key=lambda row: row["id"])

    def _order(self, row: Any) -> dict[str, Any]:
        slot = self.names.slots[int(row["slot"])]
        flags = int(row["flags"])
        return {
            **_who(slot),
            "id": int(row["id"]), "venue_ref": int(row["venue_ref"]),
            "user_ref": int(row["user_ref"]), "session": slot.session,
            "side": SIDE_NAMES[int(row["side"]) & 1],
            "price": price_text(int(row["px"]), slot.price_exp),
            "qty": int(row["qty"]), "filled": int(row["filled"]), "leaves": int(row["leaves"]),
            "state": ORDER_STATES[int(row["state"])], "tif": TIFS[int(row["tif"]) & 3],
            "flags": [label for label, bit in _FLAGS.items() if flags & bit],
            "layer": None if row["layer"] == 255 else int(row["layer"]),
            "ahead": None if row["ahead"] == 2**64 - 1 else int(row["ahead"]),
            "reason": int(row["reason"]), "token": int(row["token"]),
            "sent_ns": int(row["sent_ns"]), "reply_ns": int(row["reply_ns"]),
        }  # fmt: skip

    def fills(self, *, after: int = 0, limit: int = 0) -> list[dict[str, Any]]:
        """Fills that are still kept, oldest first; the last ``limit`` of them."""
        rows = self.new_fills(after)
        return [self._fill(row) for row in (rows[-limit:] if limit else rows)]

    def _fill(self, row: Any) -> dict[str, Any]:
        slot = self.names.slots[int(row["slot"])]
        return {
            **_who(slot),
            "number": int(row["number"]), "order": int(row["order"]), "match": int(row["match"]),
            "time_ns": int(row["ts_ns"]), "side": SIDE_NAMES[int(row["side"]) & 1],
            "price": price_text(int(row["px"]), slot.price_exp), "qty": int(row["qty"]),
            "fee": money_exact(int(row["fee"])), "maker": bool(row["maker"]),
            "broken": bool(row["broken"]), "position": int(row["position"]),
            "mid": int(row["mid_q8"]) / Q8 * 10.0**slot.price_exp, "token": int(row["token"]),
        }  # fmt: skip

    def positions(self) -> list[dict[str, Any]]:
        """Position, cost and what is working of each traded instrument."""
        found = []
        for slot in self.names.slots:
            p = self.position(slot.number)
            average = p.cost / p.qty if p.qty else 0
            found.append({
                **_who(slot), "qty": p.qty, "bought": p.bought, "sold": p.sold, "fills": p.fills,
                "maker_fills": p.maker_fills, "cost": money_exact(p.cost),
                "average_price": round(average * 1e-8, 8),
                "working_bid": p.working_qty[0], "working_ask": p.working_qty[1],
            })  # fmt: skip
        return found

    def pnl(self) -> dict[str, Any]:
        """Profit and loss of each traded instrument and of each group; after fees in ``total``."""
        rows = []
        for slot in self.names.slots:
            p = self.position(slot.number)
            rows.append({
                **_who(slot), "qty": p.qty, "realised": money_exact(p.realised),
                "realised_fifo": money_exact(p.realised_fifo),
                "unrealised_mid": money_exact(p.unrealised_mid),
                "unrealised_touch": money_exact(p.unrealised_touch), "fees": money_exact(p.fees),
                "spread_capture": money_exact(p.spread_capture),
                "total": money_exact(p.realised + p.unrealised_mid - p.fees),
            })  # fmt: skip
        return {"instruments": rows, "groups": self.groups()}

    def groups(self) -> list[dict[str, Any]]:
        """The firm, accounts and strategies: exposure and P&L, and what the gate latched."""
        gate = self._copy(lib.pn_view_gate, "struct pn_gate_status")
        named = [("firm", "firm", gate.firm)]
        named += [("account", n, gate.account[i]) for i, n in enumerate(self.names.accounts)]
        named += [("strategy", n, gate.strategy[i]) for i, n in enumerate(self.names.strategies)]
        return [
            {
                "kind": kind, "name": name, "gross": money_exact(g.gross),
                "realised": money_exact(g.realised), "unrealised": money_exact(g.unrealised),
                "fees": money_exact(g.fees), "peak": money_exact(g.peak),
                "total": money_exact(g.realised + g.unrealised - g.fees),
                "latched": LEVEL_NAMES.get(g.latched, str(g.latched)), "latched_ns": g.latched_ns,
            }
            for kind, name, g in named
        ]  # fmt: skip

    def gate(self) -> dict[str, Any]:
        """Orders passed, refused by reason, and the rungs in force."""
        g = self._copy(lib.pn_view_gate, "struct pn_gate_status")
        rungs = {"firm": LEVEL_NAMES.get(g.kill_firm, "none")}
        for kind, names, levels in (
            ("venue", self.names.venues, g.kill_venue),
            ("strategy", self.names.strategies, g.kill_strategy),
            ("instrument", [s.label for s in self.names.slots], g.kill_slot),
        ):
            rungs |= {f"{kind}:{name}": LEVEL_NAMES[levels[i]]
                      for i, name in enumerate(names) if levels[i]}  # fmt: skip
        refused = {name: int(g.refused[i + 1]) for i, name in enumerate(REFUSALS)}
        return {
            "passed": g.passed, "cancels": g.cancels,
            "refused": {name: count for name, count in refused.items() if count},
            "kill": rungs, "control_lost": bool(g.control_lost),
            "losses_latched": g.losses_latched,
        }  # fmt: skip

    def sessions(self) -> list[dict[str, Any]]:
        """Order sessions: state, numbers, messages."""
        found = []
        for number, name in enumerate(self.names.sessions):
            s = self._copy(lib.pn_view_session, "struct pn_session_status", number)
            found.append({
                "name": name, "state": SESSION_STATES[s.state],
                "session": layout.text(s.session), "next_seq": s.next_seq, "next_ref": s.next_ref,
                "connects": s.connects, "disconnects": s.disconnects, "sent": s.sent,
                "received": s.received, "malformed": s.malformed, "unknown": s.unknown,
                "last_rx_ns": s.last_rx_ns, "last_tx_ns": s.last_tx_ns,
            })  # fmt: skip
        return found

    def quotes(self) -> list[dict[str, Any]]:
        """Signals of each traded instrument."""
        found = []
        for slot in self.names.slots:
            s = self.signals(slot.number)
            exp = 10.0**slot.price_exp
            found.append({
                **_who(slot), "valid": bool(s.valid), "mid": s.mid_q8 / Q8 * exp,
                "micro": s.micro_q8 / Q8 * exp, "bid": price_text(s.bid_px, slot.price_exp),
                "ask": price_text(s.ask_px, slot.price_exp),
                "imbalance": [x / Q16 for x in s.imbalance_q16], "ofi": s.ofi_q16 / Q16,
                "flow": s.flow_q16 / Q16, "volatility": s.vol_q8 / Q8 * exp,
            })  # fmt: skip
        return found

    def desk(self) -> dict[str, Any]:
        """Counters of the desk, and how long each part of the way took."""
        d = self._copy(lib.pn_view_desk, "struct pn_desk_status")
        out: dict[str, Any] = {name: getattr(d, name) for name in DESK_COUNTERS}
        out["digest"] = f"{d.digest:016x}"
        out["journal_failed"] = bool(d.journal_failed)
        out["latency"] = {}
        histogram = ffi.new("struct pn_histogram *")
        for i, name in enumerate(STAGES):
            if lib.pn_view_times(self.view.handle, i, histogram) == 0 and histogram.count:
                time = stage_of(histogram)
                out["latency"][name] = {
                    "count": time.calls,
                    "p50_ns": time.p50,
                    "p99_ns": time.p99,
                    "max_ns": time.max,
                }
        return out


def _who(slot: Slot) -> dict[str, Any]:
    return {"instrument": slot.name, "strategy": slot.strategy, "account": slot.account,
            "venue": slot.venue}  # fmt: skip
