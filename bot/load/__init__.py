"""Load: many verified calls at once, their schedule, figures, thresholds and reports.

Locust is the engine. It reads LOCUST_SKIP_MONKEY_PATCH when it is imported, and leaves threads as they are.
"""

import os

os.environ.setdefault("LOCUST_SKIP_MONKEY_PATCH", "1")
