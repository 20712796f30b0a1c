"""The service-level clocks of a case (SUPPORT_POLICY T3-T9), shared by its decider and by whoever shows them.

`levels` knows which settings count when, `state` is what clocks are, `fold` makes them of a case's events, `arithmetic`
says what has elapsed and what is due, `record` writes both into new events, `inheritance` is what a split or a merge
takes over, `explain` gives state, verdict and the reasons.
"""
