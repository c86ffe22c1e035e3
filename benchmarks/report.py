"""Results as Markdown, and the README's generated parts."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent / "README.md"


def speed_table(document: dict[str, Any]) -> str:
    """One row for each contestant that was timed: its rates, and how many times as fast headrace is."""
    ours = {ratio["peer"]: ratio for ratio in document["ratios"] if ratio["headrace"] == "headrace-csv"}
    head = ["loader", "items/s/core", "min–max", "headrace CSV is", "items per CPU second", "headrace CSV is, by CPU time", "others on the core"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in document["contestants"]:
        rate, cpu, ratio = row["items_s"], row["items_cpu_s"], ours.get(row["name"])
        cells = [row["title"], f"**{rate['median']:,.0f}**", f"{rate['min']:,.0f}–{rate['max']:,.0f}", _times(ratio["wall"]) if ratio else ""]
        cells += [f"**{cpu['median']:,.0f}**", _times(ratio["cpu"]) if ratio else "", f"{statistics.median(turn['others_share'] for turn in row['turns']):.0%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def cost_table(document: dict[str, Any]) -> str:
    """One row for each contestant: what arrived in the checked run, and, if it was timed, what it takes."""
    rows = document["contestants"]
    exact = rows[0]["checked"]["digest"]
    head = ["loader", "items that arrived", "calls", "request bytes on the wire", "bytes per item", "same items as headrace CSV", "start-up", "peak memory"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        checked = row["checked"]
        cells = [row["title"], f"{checked['items']:,}", f"{checked['calls']:,}", f"{checked['wire_bytes']:,}"]
        cells += [f"{checked['wire_bytes'] / max(checked['items'], 1):.0f}", "yes" if checked["digest"] == exact else f"no: {row['note'] or 'they differ'}"]
        cells += [f"{row['startup_s']:.2f} s", f"{row['peak_mb']:.0f} MB"] if "items_s" in row else ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _times(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.1f} × ({ratio['min']:.1f}–{ratio['max']:.1f})"


def goals_table(document: dict[str, Any]) -> str:
    """The goals of the project beside what was measured."""
    rates = {row["name"]: row["items_s"]["median"] for row in document["contestants"] if "items_s" in row}
    by_peer = {ratio["peer"]: ratio["wall"]["median"] for ratio in document["ratios"] if ratio["headrace"] == "headrace-csv"}
    goals = [
        ("CSV, types declared", "items/s/core", 100_000, rates.get("headrace-csv")),
        ("CSV, types inferred", "items/s/core", 100_000, rates.get("headrace-inferred")),
        ("JSON Lines", "items/s/core", 60_000, rates.get("headrace-jsonl")),
        ("CSV, Python transform", "items/s/core", 35_000, rates.get("headrace-transform")),
        ("CSV by boto3 `Table.batch_writer`", "×", 30, by_peer.get("boto3-batch-writer")),
        ("CSV by awswrangler `put_csv`", "×", 55, by_peer.get("awswrangler")),
    ]
    lines = ["| | goal | measured | |", "|---|---|---|---|"]
    for title, unit, goal, found in goals:
        if found is not None:
            amount = f"{found:,.0f} {unit}" if goal > 1000 else f"{found:.1f} {unit}"
            lines.append(f"| {title} | ≥ {goal:,} {unit} | {amount} | {'reached' if found >= goal else f'{found / goal:.0%} of it'} |")
    return "\n".join(lines)


def latency_table(latency: dict[str, Any]) -> str:
    """Senders against items/s, and what Little's law says."""
    lines = ["| calls in flight | items/s | min–max | Little's law | time of a call at the server |", "|---|---|---|---|---|"]
    for row in latency["rows"]:
        rate = row["items_s"]
        law = f"{row['law_items_s']:,.0f}" if row["senders"] else ""
        name = row["senders"] or f"as headrace chooses (at most {row['in_flight_max']})"
        lines.append(f"| {name} | **{rate['median']:,.0f}** | {rate['min']:,.0f}–{rate['max']:,.0f} | {law} | {row['held_ms']:.1f} ms |")
    return "\n".join(lines)


def tls_table(document: dict[str, Any]) -> str:
    """What TLS costs."""
    lines = ["| loader | plain HTTP, items per CPU second | TLS 1.3, items per CPU second | TLS by plain |", "|---|---|---|---|"]
    for row in document["tls"]:
        ratio = row["ratio"]
        part = f"{ratio['median']:.2f} ({ratio['min']:.2f}–{ratio['max']:.2f})"
        lines.append(f"| {row['title']} | {row['plain']['median']:,.0f} | {row['tls']['median']:,.0f} | {part} |")
    return "\n".join(lines)


def engines_table(engines: list[dict[str, Any]]) -> str:
    """The whole file in real engines."""
    lines = ["| engine | read | written | in the table | seconds | items/s | peak memory of `headrace load` |", "|---|---|---|---|---|---|---|"]
    for row in engines:
        counts = " | ".join(f"{row[name]:,}" for name in ("read", "written", "in_table"))
        lines.append(f"| {row['engine']} | {counts} | {row['seconds']:.1f} | {row['read'] / row['seconds']:,.0f} | {row['peak_mb']:.0f} MB |")
    return "\n".join(lines)


def decoders_table(rows: list[dict[str, Any]]) -> str:
    """One row for each file and reader; how many times as fast headrace is."""
    lines = ["| file | reader | MB/s | min–max | records/s | headrace is | peak memory |", "|---|---|---|---|---|---|---|"]
    ours = {row["file"]: row["records_s"]["median"] for row in rows if row["reader"] == "headrace"}
    for row in rows:
        speed, rate = row["mb_s"], row["records_s"]["median"]
        times = "" if row["reader"] == "headrace" else f"{ours[row['file']] / rate:.2f} ×"
        cells = [row["file"], row["reader"], f"**{speed['median']:.1f}**", f"{speed['min']:.1f}–{speed['max']:.1f}", f"{rate:,.0f}", times]
        lines.append(f"| {' | '.join(cells)} | {row['peak_mb']:.0f} MB |")
    return "\n".join(lines)


def machine_text(document: dict[str, Any]) -> str:
    """One paragraph on the machine and the versions."""
    found = document["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in sorted(found["packages"].items()))
    pinned = "client on core 0, server on core 1" if found["is_pinned"] else "not pinned: this system cannot keep a process on a core"
    loads = document["load"]
    text = f"{found['date']}, {found['processor']}, {found['cores']} cores, {found['system']}, Python {found['python']}; {pinned}. "
    text += f"headrace {found['headrace']} at commit {found['commit']}. {packages}"
    text += f", AWS SDK for JavaScript {found['sdk_js']} on Node.js {found['node']}" if found.get("node") else ""
    text += f". Load average before and after: {loads['load_average_before']}, {loads['load_average_after']}; every run: see results.json."
    return text + (" **headrace's own files were changed during the run**: its rounds are not of one version." if loads["headrace_changed"] else "")


def replace_part(text: str, name: str, content: str) -> str:
    """``text`` with ``content`` between the marks of the part ``name``. Raises ValueError if the marks are not there."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, after = text.index(begin) + len(begin), text.index(end)
    return f"{text[:before]}\n{content}\n{text[after:]}"


def main(results: Path) -> None:
    """Write the generated parts of the README from the stored results."""
    document = json.loads(results.read_text(encoding="utf-8"))
    parts = {
        "speed": speed_table(document),
        "cost": cost_table(document),
        "goals": goals_table(document),
        "tls": tls_table(document),
        "machine": machine_text(document),
    }
    parts["latency"] = latency_table(document["latency"])
    parts["concurrency"] = document["latency"]["sentence"]
    parts["engines"] = engines_table(document["engines"])
    parts["decoders"] = decoders_table(document.get("decoders", []))
    text = README.read_text(encoding="utf-8")
    for name, content in parts.items():
        text = replace_part(text, name, content)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
