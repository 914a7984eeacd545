#!/usr/bin/python3
"""A Modbus server on pymodbus 3.0 (Debian: python3-pymodbus, python3-serial-asyncio).

A peer for tests that we did not write ourselves. It serves fixed registers and
accepts no change of them by us: the tests only read.

    /usr/bin/python3 pymodbus_server.py --registers FILE|JSON [--host 127.0.0.1] [--port 0]
    /usr/bin/python3 pymodbus_server.py --registers FILE|JSON --serial /dev/pts/N [--baud 19200]
    /usr/bin/python3 pymodbus_server.py --registers FILE|JSON --pty [--baud 19200]

--registers is a JSON object, in a file or given directly:

    {"1": {"3": {"0": 5200, "1": 17}, "4": {...}, "1": {"7": 1}, "2": {...}}, "10": {...}}

unit id -> function code (1 coils, 2 discrete inputs, 3 holding, 4 input registers)
-> wire address (decimal) -> value (0 to 65535, or 0 and 1 for bits). An address that
is not listed is refused with exception 2, a unit that is not listed is not answered.

--watch reads the file again whenever it changes, so that a test can change values.
--pty makes a pseudo-terminal and serves RTU frames on it.

When it is ready it prints one line on standard output: "READY HOST PORT" or
"READY /dev/pts/N". It ends on SIGTERM or SIGINT, or when standard input is closed if
--stdin is given (a test that dies leaves no server behind).
"""
import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import tty

from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext, ModbusSparseDataBlock
from pymodbus.server.async_io import ModbusSerialServer, ModbusTcpServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer

TABLES = {"1": "c", "2": "d", "3": "h", "4": "i"}


def load(source):
    """The register tables: unit -> table letter -> {address: value}."""
    text = source
    if not source.lstrip().startswith("{"):
        with open(source, encoding="utf-8") as f:
            text = f.read()
    units = {}
    for unit, functions in json.loads(text).items():
        tables = {t: {} for t in TABLES.values()}
        for code, values in functions.items():
            tables[TABLES[code]] = {int(a): int(v) for a, v in values.items()}
        units[int(unit)] = tables
    return units


class Block(ModbusSparseDataBlock):
    """Registers at listed addresses only; an empty table refuses everything."""

    def __init__(self, values):
        super().__init__(values or {70000: 0}, mutable=False)


def slave(tables):
    return ModbusSlaveContext(
        co=Block(tables["c"]), di=Block(tables["d"]), hr=Block(tables["h"]), ir=Block(tables["i"]), zero_mode=True
    )


def replace(context, units):
    for unit, tables in units.items():
        for letter, values in tables.items():
            context[unit].store[letter] = Block(values)


async def watch(path, context):
    seen = os.stat(path).st_mtime_ns
    while True:
        await asyncio.sleep(0.05)
        try:
            now = os.stat(path).st_mtime_ns
            if now != seen:
                replace(context, load(path))
                seen = now
        except (OSError, ValueError):
            pass  # being written: read again next time


async def stdin_closed(stop):
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    stop.set()


def ready(*words):
    print("READY", *words, flush=True)


async def serve(args):
    units = load(args.registers)
    context = ModbusServerContext(slaves={u: slave(t) for u, t in units.items()}, single=False)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for s in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(s, stop.set)
    tasks = []
    if args.pty or args.serial:
        path = client = args.serial
        if args.pty:
            path, client = pty_pair(loop)
        server = ModbusSerialServer(
            context, framer=ModbusRtuFramer, port=path, baudrate=args.baud, parity="N", stopbits=1, bytesize=8,
            timeout=0.05, ignore_missing_slaves=True,
        )
        await server.start()
        ready(client)
    else:
        # The port is chosen here: pymodbus cannot tell which one it got.
        port = args.port or free_port(args.host)
        server = ModbusTcpServer(
            context, framer=ModbusSocketFramer, address=(args.host, port), allow_reuse_address=True, ignore_missing_slaves=True
        )
        task = asyncio.create_task(server.serve_forever())
        await server.serving
        tasks.append(task)
        ready(args.host, port)
    if args.watch:
        tasks.append(asyncio.create_task(watch(args.registers, context)))
    if args.stdin:
        tasks.append(asyncio.create_task(stdin_closed(stop)))
    await stop.wait()
    os._exit(0)  # a thread may still wait for standard input


def free_port(host):
    with socket.socket() as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def pty_pair(loop):
    """Two pseudo-terminals joined by this process: a null modem cable. The first is
    for the server, the second for the client under test."""
    ends = []
    for _ in range(2):
        master, worker = os.openpty()
        tty.setraw(worker)
        os.set_blocking(master, False)
        ends.append((master, os.ttyname(worker), worker))

    def carry(source, sink):
        try:
            data = os.read(source, 4096)
        except (BlockingIOError, OSError):
            return
        os.write(sink, data)

    loop.add_reader(ends[0][0], carry, ends[0][0], ends[1][0])
    loop.add_reader(ends[1][0], carry, ends[1][0], ends[0][0])
    return ends[0][1], ends[1][1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registers", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--serial")
    parser.add_argument("--pty", action="store_true")
    parser.add_argument("--baud", type=int, default=19200)
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("--stdin", action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
