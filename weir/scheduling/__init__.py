"""Deciding where jobs go: pure functions from a snapshot to a plan, and to the reasons for it.

`schedule(snapshot, policy)` decides a round, `find(snapshot, demand, policy)` answers one question;
both stand on the same feasibility, packing and ranking, and `reference` is the slow, obvious
scheduler that property tests hold them against.
"""
