"""What every test of the repository gets."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Powertools reads these when a handler is imported, and whichever test imports it first decides for all.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "certmandate")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "certmandate")

# One set of examples per commit: a red test stays red until somebody mends it. `--hypothesis-profile=explore` tries new
# ones.
settings.register_profile("steady", derandomize=True, deadline=None, database=None, max_examples=60)
settings.register_profile("explore", deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
