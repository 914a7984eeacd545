#!/usr/bin/python3
"""A Modbus TCP server on libmodbus (Debian: libmodbus5), called through ctypes.

A peer for tests that we did not write ourselves, with the same arguments as
pymodbus_server.py as far as they make sense here:

    /usr/bin/python3 libmodbus_server.py --registers FILE|JSON [--host 127.0.0.1] [--port 0]

--registers is a JSON object, in a file or given directly:

    {"1": {"3": {"0": 5200, "1": 17}, "4": {...}, "1": {"7": 1}, "2": {...}}}

unit id -> function code -> wire address (decimal) -> value. libmodbus keeps one image
for all units: several units are laid into one image and must not contradict each
other. Addresses between the listed ones read as 0; beyond the highest one of a
function libmodbus answers exception 2. --watch reads a changed file again.

It prints "READY HOST PORT" and serves several clients until SIGTERM, or until
standard input is closed if --stdin is given.
"""
import argparse
import ctypes
import json
import os
import select
import signal
import socket
import sys


class Mapping(ctypes.Structure):
    """modbus_mapping_t of modbus.h, version 3.1."""

    _fields_ = [
        ("nb_bits", ctypes.c_int), ("start_bits", ctypes.c_int),
        ("nb_input_bits", ctypes.c_int), ("start_input_bits", ctypes.c_int),
        ("nb_input_registers", ctypes.c_int), ("start_input_registers", ctypes.c_int),
        ("nb_registers", ctypes.c_int), ("start_registers", ctypes.c_int),
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)), ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)), ("tab_registers", ctypes.POINTER(ctypes.c_uint16)),
    ]


def load(source):
    text = source
    if not source.lstrip().startswith("{"):
        with open(source, encoding="utf-8") as f:
            text = f.read()
    tables = {c: {} for c in "1234"}
    for functions in json.loads(text).values():
        for code, values in functions.items():
            for address, value in values.items():
                known = tables[code].setdefault(int(address), int(value))
                if known != int(value):
                    sys.exit(f"two units disagree about address {address} of function {code}")
    return tables


def fill(mapping, tables):
    for code, table in zip("1234", (mapping.tab_bits, mapping.tab_input_bits, mapping.tab_registers, mapping.tab_input_registers)):
        for address, value in tables[code].items():
            table[address] = value


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registers", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("--stdin", action="store_true")
    args = parser.parse_args()

    lib = ctypes.CDLL("libmodbus.so.5", use_errno=True)
    lib.modbus_new_tcp.restype = ctypes.c_void_p
    lib.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
    lib.modbus_set_socket.argtypes = [ctypes.c_void_p, ctypes.c_int]
    lib.modbus_receive.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    lib.modbus_reply.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(Mapping)]
    ctx = lib.modbus_new_tcp(args.host.encode(), args.port)
    tables = load(args.registers)
    size = [max(tables[c], default=-1) + 1 for c in "1234"]
    mapping = lib.modbus_mapping_new(size[0], size[1], size[2], size[3]).contents
    fill(mapping, tables)

    # The sockets are ours: libmodbus then serves whichever one it is given.
    listener = socket.create_server((args.host, args.port))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    print("READY", *listener.getsockname(), flush=True)
    clients, query = {}, ctypes.create_string_buffer(260)
    seen = os.stat(args.registers).st_mtime_ns if args.watch else 0
    while True:
        waiting = [listener, *clients] + ([sys.stdin] if args.stdin else [])
        readable, _, _ = select.select(waiting, [], [], 0.05)
        if args.watch and (now := os.stat(args.registers).st_mtime_ns) != seen:
            try:
                fill(mapping, load(args.registers))
                seen = now
            except ValueError:
                pass  # being written: read again next time
        for fd in readable:
            if fd is listener:
                conn, _ = listener.accept()
                clients[conn.fileno()] = conn
            elif fd is sys.stdin:
                if not os.read(0, 4096):
                    os._exit(0)
            else:
                lib.modbus_set_socket(ctx, fd)
                n = lib.modbus_receive(ctx, query)
                if n < 0 or (n > 0 and lib.modbus_reply(ctx, query, n, ctypes.byref(mapping)) < 0):
                    clients.pop(fd).close()


if __name__ == "__main__":
    main()
