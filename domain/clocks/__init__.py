"""The service-level clocks of a case (SUPPORT_POLICY T3-T8), shared by its decider and by whoever shows them.

`levels` knows which settings count when, `state` folds a case's events to its clocks, `arithmetic` says what has
elapsed and what is due, `record` writes both into new events, `explain` gives state, verdict and the reasons.
"""
