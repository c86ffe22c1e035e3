"""headrace's command line with another number of calls in flight: python with_senders.py SENDERS load …

The number is a constant of the writer. This is the only place of the benchmarks that knows; if it becomes a setting, change it here.
"""

from __future__ import annotations

import sys

from headrace.cli.main import main
from headrace.write import writer

senders = int(sys.argv.pop(1))
if not hasattr(writer, "SENDERS") or not hasattr(writer, "CALLS_MAX"):
    raise SystemExit("write/writer.py has no SENDERS and CALLS_MAX any more: adapt benchmarks/headrace/with_senders.py")
writer.SENDERS, writer.CALLS_MAX = senders, 2 * senders
sys.exit(main())
