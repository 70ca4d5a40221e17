"""Measures what design.md's table asks for. Usage: scripts/bench [--json] [NAME…]"""
import argparse
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from rig import THREADS, say  # noqa: E402
from rows import ROWS, memory_and_restart  # noqa: E402


def plan(names):
    """The measurements to make; what two rows share is made once."""
    chosen = {name: ROWS[name] for name in (names or ROWS)}
    if "memory_per_wait" in chosen and "restart_1m" in chosen:
        chosen["memory_per_wait"] = memory_and_restart
        del chosen["restart_1m"]
    return chosen


def ticks():
    """The machine's clock ticks so far: all, and those that its host gave to others."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split()[1:9]]
    return sum(fields), fields[7]


def measure(name, function):
    began = time.monotonic()
    all_before, stolen_before = ticks()
    try:
        return function()
    except Exception as error:  # one row's failure is that row's result
        say(f"{name} failed: {error}")
        return [{"name": name, "value": None, "unit": "", "yardstick": None, "ratio": None,
                 "bar": "", "ok": False}]
    finally:
        all_after, stolen_after = ticks()
        stolen = 100 * (stolen_after - stolen_before) / max(1, all_after - all_before)
        say(f"{name} took {time.monotonic() - began:.0f} s, "
            f"{stolen:.0f} % of the CPU went to the machine's host")


def shown(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def print_table(rows):
    table = [("name", "value", "unit", "yardstick", "ratio", "bar", "")]
    for row in rows:
        table.append((row["name"], shown(row["value"]), row["unit"], shown(row["yardstick"]),
                      shown(row["ratio"]), row["bar"], "ok" if row["ok"] else "MISSED"))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(
        "Measures the engine beside its yardsticks; without names, everything."))
    parser.add_argument("--json", action="store_true", help="print one array of rows")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ROWS))
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)} (there are {', '.join(ROWS)})")
    say(f"{THREADS} threads")
    rows = [row for name, function in plan(arguments.names).items()
            for row in measure(name, function)]
    if arguments.json:
        print(json.dumps(rows, indent=1))
    else:
        print_table(rows)
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
