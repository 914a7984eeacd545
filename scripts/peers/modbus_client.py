#!/usr/bin/python3
"""A Modbus TCP client that we did not write: pymodbus 3.0 or libmodbus 5 (Debian:
python3-pymodbus, libmodbus5), for tests of what we serve.

    /usr/bin/python3 modbus_client.py --library pymodbus|libmodbus --port N [--host 127.0.0.1] ASKS
    /usr/bin/python3 modbus_client.py --library libmodbus --port N --cycles N ASKS

ASKS is a JSON list; each entry is [unit, function, address, quantity]:

    1 to 4          read
    5, 6, 15, 16    write the value 1 (quantity times)
    22, 23          mask write, read and write
    43              identification (pymodbus only), its objects as text

It prints a JSON list with one entry for each: the list of values, or the number of the
exception, or null where nothing sensible came. With --cycles it asks the list so often
and prints the nanoseconds of one cycle, its own calls through ctypes included.
"""
import argparse
import ctypes
import json
import time


class Libmodbus:
    """libmodbus through ctypes."""

    NOBASE = 112345678  # MODBUS_ENOBASE of modbus.h: exceptions count from here

    def __init__(self, host, port):
        self.lib = ctypes.CDLL("libmodbus.so.5", use_errno=True)
        self.lib.modbus_new_tcp.restype = ctypes.c_void_p
        self.ctx = ctypes.c_void_p(self.lib.modbus_new_tcp(host.encode(), port))
        self.unit = None
        self.words = (ctypes.c_uint16 * 125)(*[1] * 125)
        self.bits = (ctypes.c_uint8 * 2000)(*[1] * 2000)
        self.lib.modbus_set_response_timeout(self.ctx, 5, 0)
        if self.lib.modbus_connect(self.ctx) != 0:
            raise ConnectionError("libmodbus cannot connect")

    def ask(self, unit, function, address, quantity):
        if unit != self.unit:
            self.lib.modbus_set_slave(self.ctx, unit)
            self.unit = unit
        call = {
            1: lambda: self.lib.modbus_read_bits(self.ctx, address, quantity, self.bits),
            2: lambda: self.lib.modbus_read_input_bits(self.ctx, address, quantity, self.bits),
            3: lambda: self.lib.modbus_read_registers(self.ctx, address, quantity, self.words),
            4: lambda: self.lib.modbus_read_input_registers(self.ctx, address, quantity, self.words),
            5: lambda: self.lib.modbus_write_bit(self.ctx, address, 1),
            6: lambda: self.lib.modbus_write_register(self.ctx, address, 1),
            15: lambda: self.lib.modbus_write_bits(self.ctx, address, quantity, self.bits),
            16: lambda: self.lib.modbus_write_registers(self.ctx, address, quantity, self.words),
            22: lambda: self.lib.modbus_mask_write_register(self.ctx, address, 0, 1),
            23: lambda: self.lib.modbus_write_and_read_registers(self.ctx, address, quantity, self.words, address, quantity, self.words),
        }[function]
        if call() >= 0:
            return list((self.bits if function < 3 else self.words)[:quantity])
        code = ctypes.get_errno() - self.NOBASE
        return code if 1 <= code <= 11 else None


class Pymodbus:
    """pymodbus."""

    def __init__(self, host, port):
        from pymodbus.client import ModbusTcpClient

        self.client = ModbusTcpClient(host, port=port, timeout=5)
        if not self.client.connect():
            raise ConnectionError("pymodbus cannot connect")

    def ask(self, unit, function, address, quantity):
        from pymodbus.mei_message import ReadDeviceInformationRequest
        from pymodbus.pdu import ExceptionResponse

        c = self.client
        answer = {
            1: lambda: c.read_coils(address, quantity, slave=unit),
            2: lambda: c.read_discrete_inputs(address, quantity, slave=unit),
            3: lambda: c.read_holding_registers(address, quantity, slave=unit),
            4: lambda: c.read_input_registers(address, quantity, slave=unit),
            5: lambda: c.write_coil(address, True, slave=unit),
            6: lambda: c.write_register(address, 1, slave=unit),
            15: lambda: c.write_coils(address, [True] * quantity, slave=unit),
            16: lambda: c.write_registers(address, [1] * quantity, slave=unit),
            22: lambda: c.mask_write_register(address, 0, 1, slave=unit),
            23: lambda: c.readwrite_registers(
                read_address=address, read_count=quantity, write_address=address, write_registers=[1] * quantity, slave=unit
            ),
            43: lambda: c.execute(ReadDeviceInformationRequest(read_code=2, object_id=0, unit=unit)),
        }[function]()
        if isinstance(answer, ExceptionResponse):
            return answer.exception_code
        if answer.isError():
            return None
        if function == 43:
            return [text.decode() for _, text in sorted(answer.information.items())]
        if function < 3:
            return [int(b) for b in answer.bits[:quantity]]
        return getattr(answer, "registers", [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=["pymodbus", "libmodbus"], required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cycles", type=int, default=0)
    parser.add_argument("asks")
    args = parser.parse_args()
    client = {"pymodbus": Pymodbus, "libmodbus": Libmodbus}[args.library](args.host, args.port)
    asks = json.loads(args.asks)
    if not args.cycles:
        print(json.dumps([client.ask(*a) for a in asks]))
        return
    for a in asks:
        if not isinstance(client.ask(*a), list):
            raise SystemExit(f"{a} is not answered")
    begin = time.perf_counter_ns()
    for _ in range(args.cycles):
        for a in asks:
            client.ask(*a)
    print((time.perf_counter_ns() - begin) // args.cycles)


if __name__ == "__main__":
    main()
