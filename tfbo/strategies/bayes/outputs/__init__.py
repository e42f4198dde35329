"""Several outputs: objectives between which there is a front, and outcomes under constraints.

Each output has a Gaussian process of its own; all are fitted by one program. Letters: m outputs, of which
the first are the objectives, n data, d columns, k points whose outcomes are drawn, s draws, c constraints.
"""
