"""Renders ``TradeConfig`` into ``struct pn_trade_control``: the data plane's own layout.

Memory is the control segment of a live instance, or of this process for a simulation.
"""

import ipaddress
from decimal import Decimal
from pathlib import Path
from typing import Any

from pinnacle.abi import ffi, lib
from pinnacle.errors import ConfigError
from pinnacle.records import ipv4_number
from pinnacle.trade.config import SessionConfig, TradeConfig, TradedConfig
from pinnacle.trade.limits import to_group, to_limits, to_rate
from pinnacle.trade.quotes import to_params
from pinnacle.trade.units import ns, scaled

PASSWORD_MAX = 10  # SoupBinTCP 3.00, login request packet
SYNCS = {"none": lib.PN_JS_NONE, "interval": lib.PN_JS_INTERVAL, "each": lib.PN_JS_EACH}


def new_control() -> Any:
    """A ``struct pn_trade_control`` of this process, with its defaults."""
    control = ffi.new("struct pn_trade_control *")
    lib.pn_trade_control_default(control)
    return control


def render(config: TradeConfig, control: Any, *, base: Path | None = None) -> None:
    """Fills ``control``: configuration first, then limits and parameters.

    ``base`` is the folder that relative paths (journal, password files) are taken from. Raises
    ``ConfigError`` for what the layout has no room for.
    """
    into = control.config
    into.traded, into.sessions = len(config.instruments), len(config.sessions)
    into.max_orders = config.max_orders
    into.cancel_on_disconnect = config.cancel_on_disconnect
    into.mark_ns = ns(config.mark_ms)
    for i in range(lib.PN_MARKOUTS):
        into.markout_ns[i] = ns(config.markouts_ms[i]) if i < len(config.markouts_ms) else 0
    for i, name in enumerate(config.venues):
        into.venue[i] = name.encode()
    for i, strategy in enumerate(config.strategies):
        into.strategy[i] = strategy.name.encode()
    for i, account in enumerate(config.accounts):
        into.account[i] = account.name.encode()
    if config.journal.dir is not None:
        folder = str(_path(config.journal.dir, base)).encode()
        if len(folder) >= lib.PN_PATH_LEN:
            raise ConfigError(f"journal.dir: longer than {lib.PN_PATH_LEN - 1} bytes")
        into.journal = folder
    into.journal_bytes = config.journal.file_bytes
    into.journal_sync = SYNCS[config.journal.sync]
    into.journal_sync_ms = config.journal.sync_ms
    for number, session in enumerate(config.sessions):
        _session(into.session[number], session, base)
        lib.pn_trade_set_rate(control, number, to_rate(session.rate))
    lib.pn_trade_set_group(control, lib.PN_SCOPE_FIRM, 0, to_group(config.firm))
    for i, account in enumerate(config.accounts):
        lib.pn_trade_set_group(control, lib.PN_SCOPE_ACCOUNT, i, to_group(account))
    for i, strategy in enumerate(config.strategies):
        lib.pn_trade_set_group(control, lib.PN_SCOPE_STRATEGY, i, to_group(strategy))
    for slot, one in enumerate(config.instruments):
        _traded(into.instrument[slot], one, config)
        lib.pn_trade_set_limits(control, slot, to_limits(one.limits))
        quote = one.quote
        if not config.start_quoting:
            quote = quote.model_copy(update={"sides": "none"})
        lib.pn_trade_set_params(control, slot, to_params(quote, into.instrument[slot]))
    control.lost_ns = ns(config.control_lost_ms)


def _path(text: str, base: Path | None) -> Path:
    path = Path(text).expanduser()
    return path if path.is_absolute() else ((base or Path.cwd()) / path).resolve()


def _session(into: Any, given: SessionConfig, base: Path | None) -> None:
    into.name, into.user, into.host = given.name.encode(), given.user.encode(), given.host.encode()
    into.kind = lib.PN_SESSION_OUCH50
    try:
        ipaddress.IPv4Address(given.host)
    except ValueError as error:
        raise ConfigError(
            f"sessions: {given.name}: host {given.host} must be an IPv4 address"
        ) from error
    into.address_be, into.port = ipv4_number(given.host), given.port
    into.own_thread, into.cpu = given.own_thread, given.cpu
    into.heartbeat_ms, into.reply_timeout_ms = given.heartbeat_ms, given.reply_timeout_ms
    if given.password_file is None:
        return
    path = _path(given.password_file, base)
    try:
        secret = path.read_text().splitlines()[0].strip()
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"sessions: {given.name}: no password in {path}; put it into the first line"
        ) from error
    if not secret.isascii() or len(secret) > PASSWORD_MAX:
        raise ConfigError(
            f"sessions: {given.name}: the password in {path} must be ASCII, at most "
            f"{PASSWORD_MAX} characters"
        )
    into.password = secret.encode()


def _traded(into: Any, one: TradedConfig, config: TradeConfig) -> None:
    into.name, into.symbol = one.name.encode(), (one.symbol or one.name).encode()
    into.venue = config.venues.index(one.venue)
    into.session = _index(one.session, [s.name for s in config.sessions])
    into.strategy = _index(one.strategy, [s.name for s in config.strategies])
    into.account = _index(one.account, [a.name for a in config.accounts])
    into.price_exp, into.size_exp, into.lot = one.price_exp, one.size_exp, one.lot
    exact = Decimal(str(one.tick)).scaleb(-one.price_exp)
    if exact != int(exact) or not 1 <= exact <= 1 << 30:
        raise ConfigError(
            f"instruments: {one.name}: tick {one.tick} is no multiple of 10^{one.price_exp}"
        )
    into.tick = int(exact)
    into.value_mul = scaled(one.multiplier, 10 ** (8 + one.price_exp + one.size_exp))
    if into.value_mul < 1:
        raise ConfigError(f"instruments: {one.name}: price_exp and size_exp are too fine together")
    unit = Decimal(10) ** (8 + one.size_exp)
    into.maker_fee, into.taker_fee = scaled(one.maker_fee, unit), scaled(one.taker_fee, unit)
    into.maker_ppm, into.taker_ppm = one.maker_ppm, one.taker_ppm


def _index(name: str | None, names: list[str]) -> int:
    return 0 if name is None else names.index(name)
