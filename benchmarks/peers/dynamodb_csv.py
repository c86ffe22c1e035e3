"""The program dynamodb-csv with the two files that it wants: its settings in the working directory, and the types beside the CSV."""

import csv
import os
import sys
from pathlib import Path

from app.main import main
from flights import ENDPOINT, REGION, TABLE, TEXTS

path = Path(sys.argv[1])
with path.open(newline="", encoding="utf-8") as lines:
    header = next(csv.reader(lines))
types = "".join(f"{name}={'S' if name in TEXTS or name in ('pk', 'sk') else 'I'}\n" for name in header)
Path(f"{path}.spec").write_text(f"[CSV_SPEC]\n{types}", encoding="utf-8")
keys = "".join(f"{name}={os.environ[name]}\n" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
Path("config.ini").write_text(f"[AWS]\nREGION={REGION}\nENDPOINT_URL={ENDPOINT}\n{keys}", encoding="utf-8")
sys.argv = ["dynamodb-csv", "-i", "-t", TABLE, "-f", str(path)]
sys.exit(main())
