"""headrace's command line with another number of calls in flight: python with_senders.py SENDERS load …

The number is a constant of the writer. This is the only place of the benchmarks that knows; if it becomes a setting, change it here.
"""

from __future__ import annotations

import sys

from headrace.cli.main import main
from headrace.write import pace
from headrace.write.calls import BatchCalls

senders = int(sys.argv.pop(1))
if not hasattr(BatchCalls, "window_max") or not hasattr(pace, "WINDOW_FIRST"):
    raise SystemExit("the writer's window has changed: adapt benchmarks/headrace/with_senders.py")
BatchCalls.window_max = pace.WINDOW_FIRST = senders
sys.exit(main())
